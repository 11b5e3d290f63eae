import Glibc
public import Platform
public import Vocabulary

/// Where turns get their CLI processes from.
///
/// Shared by all loops. It starts one process for each turn; a shelf of waiting ones will stand behind the
/// same method, since a process that has not been initialised yet belongs to nobody.
public final class CLISupply: Sendable {
    /// How the CLI is started.
    public let invocation: Invocation
    /// The bounds of its turns.
    public let limits: CLILimits
    private let directories: TurnDirectories

    /// A supply whose turns live in `directories`, which supplies before and after it may share.
    public init(_ invocation: Invocation, limits: CLILimits, directories: TurnDirectories) {
        self.invocation = invocation
        self.limits = limits
        self.directories = directories
    }

    /// A process for one turn in which the model is asked `messages` times at the most, watched on `loop` by whoever
    /// sleeps on `wakeup`. Call on that loop.
    public func obtain(
        messages: Int = 1, on loop: EventLoop, waking wakeup: Wakeup
    ) throws(Fault) -> CLIProcess {
        let directory = try directories.take()
        do throws(SystemError) {
            let child = try ChildProcess.spawn(invocation.plan(in: directory, limits: limits, messages: messages))
            return CLIProcess(
                child, in: directory, of: directories, limits: limits, remedy: invocation.remedy, on: loop,
                waking: wakeup)
        } catch {
            directories.release(directory)
            throw Self.fault(of: error)
        }
    }

    /// The same, of the very program that was tried; nil when another stands in its place, which has then been told
    /// nothing.
    ///
    /// It is looked at on both sides of the start, so that none comes between the look and the start.
    public func obtain(
        only file: ProgramFile, messages: Int = 1, on loop: EventLoop, waking wakeup: Wakeup
    ) throws(Fault) -> CLIProcess? {
        guard ProgramFile(path: invocation.path) == file else { return nil }
        do throws(Fault) {
            let process = try obtain(messages: messages, on: loop, waking: wakeup)
            guard !file.isUnchanged else { return process }
            process.kill()
            return nil
        } catch {
            guard file.isUnchanged else { return nil }
            throw error
        }
    }

    private static func fault(of error: SystemError) -> Fault {
        let detail = error.description
        // Out of processes, memory or descriptors: it passes, unlike a program that is not there.
        if [EAGAIN, ENOMEM, EMFILE, ENFILE].contains(error.code) {
            return Fault(
                .overloaded, "The gateway has no room for another turn.", detail: detail,
                retryAfterSeconds: 2)
        }
        return Fault(
            .unavailable,
            "The CLI behind this gateway cannot be started. Its operator must check CLAUDE_PATH.",
            detail: detail)
    }
}

extension TurnPlan {
    /// How many messages of the model the turn may come to: one, and one more for each time the CLI may call tools
    /// of registered servers itself.
    public var mostMessages: Int { servers.isEmpty ? 1 : 1 + servers.maxRounds }
}
