import CLinux
import Glibc

/// Whether this process may have control groups of its own, which is the service manager's to say (`Delegate=`).
public enum Delegation: Sendable {
    /// It may, and has them.
    case granted(ControlGroups)
    /// It may not, for this reason.
    case absent(String)

    /// Where a process stands in the tree of groups.
    struct Place: Sendable {
        /// Where the tree is mounted.
        var root: String
        /// The lines of /proc/self/cgroup.
        var lines: String
        /// The process.
        var pid = getpid()
        /// Whether a group must bear the manager's mark: who may write one need not be the one that it was left to.
        var asksForMark = true

        /// Where this process stands.
        static var current: Place {
            // The second beside groups of version 1.
            let root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].first { path in
                unsafe access(path + "/cgroup.controllers", F_OK) == 0
            }
            return Place(root: root ?? "", lines: MachineLoad.text(of: "/proc/self/cgroup"))
        }
    }

    /// The group that holds the process itself, once others are there for its children: a group with a controller in
    /// force for those below holds no processes.
    static let ownGroup = "service"

    /// Takes the groups of the process at `place`: moves it into one of its own, and has the kernel count for the others.
    init(claiming place: Place) {
        do throws(Refusal) {
            let (tree, isInside) = try Self.find(place)
            if !isInside { try Self.moveIn(tree, place) }
            let controllers = Self.enable(in: tree)
            if controllers.contains(.processors) { Self.comeFirst(in: tree) }
            do throws(SystemError) {
                self = .granted(try ControlGroups(in: tree, controllers: controllers))
            } catch {
                throw Refusal(reason: error.description)
            }
        } catch {
            self = .absent(error.reason)
        }
    }

    /// Why there are no groups to be had at `place`; nil when there are. Nothing is changed.
    static func objection(at place: Place) -> String? {
        do throws(Refusal) {
            _ = try find(place)
            return nil
        } catch { return error.reason }
    }

    private struct Refusal: Error { let reason: String }

    /// The group that was left to us, and whether we are in a group below it already.
    private static func find(_ place: Place) throws(Refusal) -> (tree: String, isInside: Bool) {
        guard !place.root.isEmpty, let line = place.lines.split(separator: "\n").first(where: { $0.hasPrefix("0::/") })
        else { throw Refusal(reason: "there are no control groups of version 2") }
        let own = line.dropFirst(3)
        let isInside = own.hasSuffix("/\(ownGroup)") && isOurs(place.root + own.dropLast(ownGroup.count + 1), place)
        let tree = place.root + (isInside ? own.dropLast(ownGroup.count + 1) : own == "/" ? "" : own)
        guard isOurs(tree, place) else { throw Refusal(reason: "no control group is delegated to it") }
        let here = MachineLoad.text(of: "\(tree)/\(isInside ? "\(ownGroup)/" : "")cgroup.procs").split(separator: "\n")
        guard isInside || here == ["\(place.pid)"] else {
            throw Refusal(reason: "it is not alone in its control group")
        }
        return (tree, isInside)
    }

    private static func isOurs(_ group: String, _ place: Place) -> Bool {
        // The kernel's own root has no such file, and is nobody's.
        guard unsafe access(group + "/cgroup.kill", F_OK) == 0, unsafe access(group, W_OK) == 0,
            unsafe access(group + "/cgroup.procs", W_OK) == 0
        else { return false }
        return !place.asksForMark || isMarked(group)
    }

    /// The mark of systemd on what it delegates; the second can be read without privileges.
    private static func isMarked(_ group: String) -> Bool {
        unsafe linux_is_marked(group, "trusted.delegate") != 0 || linux_is_marked(group, "user.delegate") != 0
    }

    private static func moveIn(_ tree: String, _ place: Place) throws(Refusal) {
        let own = "\(tree)/\(ownGroup)"
        guard unsafe mkdir(own, 0o755) == 0 || errno == EEXIST else {
            throw Refusal(reason: SystemError.last("control group").description)
        }
        do throws(SystemError) { try GroupFiles.write("\(place.pid)", to: own + "/cgroup.procs") } catch {
            throw Refusal(reason: error.description)
        }
    }

    /// What the kernel counts for the groups from now on.
    private static func enable(in tree: String) -> Set<GroupController> {
        let there = Set(MachineLoad.text(of: tree + "/cgroup.controllers").split { $0 == " " || $0 == "\n" })
        return Set(GroupController.allCases.filter { controller in
            guard there.contains(Substring(controller.rawValue)) else { return false }
            do throws(SystemError) {
                try GroupFiles.write("+\(controller.rawValue)", to: tree + "/cgroup.subtree_control")
                return true
            } catch { return false }
        })
    }

    /// Has this process come before its children, however many want the processors: each child's group has 100.
    private static func comeFirst(in tree: String) {
        do throws(SystemError) { try GroupFiles.write("1000", to: "\(tree)/\(ownGroup)/cpu.weight") } catch {
            // Absent where the kernel shares the processors out between tasks alone, as it did before.
            return
        }
    }
}
