import Vocabulary

/// What the CLI has said about a failure so far, and what it amounts to.
///
/// `subtype` is "success" for the vendor's failures too; only `is_error` and the statuses tell.
struct FailureEvidence {
    var maxRetries: Int
    /// What the operator is to do about the login.
    var remedy: LoginRemedy
    /// The newest that the CLI told of usage limits.
    var quota: Quota?
    private(set) var hasReport = false
    private var status: Int?
    /// The vendor's error type, as `overloaded_error`.
    private var errorType = ""
    /// The CLI's own reason, as `usage_limit_reached`.
    private var reason = ""
    /// The CLI's class of error, as `authentication_failed`.
    private var errorClass = ""
    private var terminalReason = ""
    private var subtype = ""
    private var text = ""
    private var retries = 0
    private var lastDelayMilliseconds = 0

    init(maxRetries: Int, remedy: LoginRemedy = LoginRemedy()) {
        self.maxRetries = maxRetries
        self.remedy = remedy
    }

    mutating func note(_ report: CLIFailureReport, of line: Span<UInt8>) {
        hasReport = true
        status = report.status
        errorClass = report.error?.short(in: line) ?? errorClass
        errorType = report.errorType?.short(in: line) ?? errorType
        reason = report.apiError?.short(in: line) ?? reason
        text = report.text?.string(in: line) ?? text
    }

    mutating func note(_ retry: CLIRetry, of line: Span<UInt8>) {
        status = retry.status
        errorClass = retry.error?.short(in: line) ?? ""
        retries += 1
        lastDelayMilliseconds = retry.delayMilliseconds
    }

    mutating func note(_ result: CLIResult, of line: Span<UInt8>) {
        hasReport = true
        status = result.status ?? status
        if !result.isError { status = nil }
        subtype = result.subtype?.short(in: line) ?? ""
        errorType = result.errorType?.short(in: line) ?? errorType
        reason = result.apiError?.short(in: line) ?? reason
        terminalReason = result.terminalReason?.short(in: line) ?? ""
        if result.isError {
            text = result.text?.string(in: line) ?? text
        } else {
            // Its text is the model's answer, which no log may hold.
            text = ""
            errorClass = result.turns == 0 ? "blank_prompt" : "no_answer"
        }
    }

    /// The failure of an answer of which pieces were forwarded and for whose rest the CLI wants to ask.
    func interrupted(now: Int) -> Fault {
        if status != nil || !errorType.isEmpty || !reason.isEmpty { return fault(now: now) }
        return .passing(
            .badGateway,
            "The answer broke off in the middle: the model's provider failed, or the connection was lost.",
            detail: "the CLI would have asked for the rest")
    }

    /// What it amounts to; `now` is in Unix seconds.
    func fault(now: Int) -> Fault {
        var fault = classified(now: now)
        fault.detail = [
            status.map { "status \($0)" } ?? "", errorClass, errorType, reason, terminalReason, subtype,
        ].filter { !$0.isEmpty }.joined(separator: " ")
        if fault.kind.status >= 500, !text.isEmpty { fault.detail += ": " + Redaction.clean(text) }
        return fault
    }

    private func classified(now: Int) -> Fault {
        if text.hasPrefix("Not logged in") { return Self.notLoggedIn(remedy) }
        if errorClass == "blank_prompt" {
            return Fault(.invalidRequest, "The newest message is blank: nothing was sent to the model.")
        }
        if errorClass == "billing_error" {
            return noCredit
        }
        if terminalReason == "prompt_too_long" || terminalReason == "blocking_limit" {
            return Fault(.invalidRequest, "The prompt is too long for this model.", shouldRetry: false)
        }
        if let status { return of(status: status, now: now) }
        if reason == "usage_limit_reached" || errorType == "rate_limit_error" { return rateLimited(now) }
        if errorType == "overloaded_error" { return overloaded }
        if errorType == "api_error" {
            return .passing(.internalError, "The model's provider had an internal error.")
        }
        if errorType == "timeout_error" { return timedOut }
        if errorClass == "authentication_failed" { return credentialRefused }
        if reason == "connection_failed" || errorClass == "unknown" { return connectionFailed }
        if text.contains("timed out") { return timedOut }
        return Fault(.badGateway, "The CLI failed without an answer.")
    }

    private func of(status: Int, now: Int) -> Fault {
        switch status {
        case 401: credentialRefused
        case 402: noCredit
        case 403: Fault(.forbidden, "The account behind this gateway may not do that: \(vendorText)")
        case 404:
            Fault(.modelNotFound, "The model does not exist, or this gateway's account has no access to it.")
        case 408, 504: timedOut
        case 409: Fault(.conflict, vendorText)
        case 413: Fault(.tooLarge, "The request is too large for the model's provider (at most 32 MB).")
        case 429: rateLimited(now)
        case 400..<500: Fault(.invalidRequest, vendorText)
        case 503: .outage(.unavailable, wait: lastDelay)
        case 502: .passing(.badGateway, "The model's provider answered with status 502.")
        case 529: overloaded
        case 500...: .passing(.internalError, "The model's provider had an internal error (status \(status)).")
        default: Fault(.internalError, "The model's provider had an internal error (status \(status)).")
        }
    }

    private func rateLimited(_ now: Int) -> Fault {
        if reason == "usage_limit_reached" {
            return .usageLimit(quota?.claim, end: quota?.resetsAt, now: now)
        }
        // The CLI repeats a 429 as long as the wait asked for is short. Where it gives up at once the vendor
        // asked for a long one, whose length it does not print.
        return .rateLimit(wait: retries == 0 && maxRetries > 0 ? nil : lastDelay)
    }

    /// The last wait the CLI announced, in whole seconds, at least one.
    private var lastDelay: Int { min(max(1, (lastDelayMilliseconds + 500) / 1000), Waiting.longestLimitSeconds) }

    private var noCredit: Fault {
        Fault(.paymentRequired, "The account behind this gateway has no credit left.", shouldRetry: false)
    }

    private var overloaded: Fault {
        .outage(.overloaded, wait: lastDelay)
    }

    private var connectionFailed: Fault {
        .passing(.badGateway, "The model's provider could not be reached, or the connection was lost.")
    }

    private var timedOut: Fault {
        Fault(.gatewayTimeout, "The model's provider did not answer in time.")
    }

    /// Nobody has logged the CLI in.
    static func notLoggedIn(_ remedy: LoginRemedy, detail: String = "") -> Fault {
        Fault(
            .unavailable,
            "The CLI behind this gateway is not logged in. Its operator must \(remedy.ofMissing).",
            detail: detail, shouldRetry: false, login: .missing)
    }

    /// Not 401: the caller's own key is good, and its SDK must not blame it.
    private var credentialRefused: Fault {
        Fault(
            .unavailable,
            "The credential of the CLI behind this gateway was refused. Its operator must \(remedy.ofRefused).",
            shouldRetry: false, login: .refused)
    }

    /// The vendor's sentence without what the CLI puts around it.
    private var vendorText: String {
        var rest = Substring(text)
        if rest.hasPrefix("Failed to authenticate. ") { rest = rest.dropFirst(24) }
        if rest.hasPrefix("API Error: ") { rest = rest.dropFirst(11) }
        if rest.prefix(3).allSatisfy(\.isNumber), rest.dropFirst(3).first == " " { rest = rest.dropFirst(4) }
        let clean = Redaction.clean(String(rest))
        return clean.isEmpty ? "The model's provider refused the request." : clean
    }
}

extension JSONSlice {
    /// A machine-readable word; anything long is cut.
    fileprivate func short(in line: Span<UInt8>) -> String {
        JSONSlice(start: start, end: min(end, start + 64), hasEscapes: hasEscapes).string(in: line)
    }
}
