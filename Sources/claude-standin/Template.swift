import Glibc

/// The lines of the protocol with the real program's fields in its order; `$` and a letter stand for a value
/// of `TurnState`.
enum Template {
    /// Bytes of text that make a delta's line 390 bytes long.
    static let typicalText = 121

    static let queued: StaticString = """
        {"type":"command_lifecycle","command_uuid":"$c","state":"queued","uuid":"$u","session_id":"$s"}
        """
    static let started: StaticString = """
        {"type":"command_lifecycle","command_uuid":"$c","state":"started","uuid":"$u","session_id":"$s"}
        """
    static let completed: StaticString = """
        {"type":"command_lifecycle","command_uuid":"$c","state":"completed","uuid":"$u","session_id":"$s"}
        """
    static let systemInit: StaticString = """
        {"type":"system","subtype":"init","cwd":"/","session_id":"$s","tools":[$l],"mcp_servers":[],\
        "model":"$m","permissionMode":"dontAsk",\
        "slash_commands":[],"apiKeySource":"none","claude_code_version":"0.0.0","output_style":"default",\
        "agents":["claude"],"skills":[],"plugins":[],"capabilities":["interrupt_receipt_v1",\
        "msg_lifecycle_v1","sdk_mcp_manifests"],"analytics_disabled":true,"product_feedback_disabled":true,\
        "served_by_anthropic":false,"uuid":"$u","memory_paths":{},"original_cwd":"/",\
        "additional_directories":[],"fast_mode_state":"off",\
        "fast_mode_disabled_reason":"sdk_opt_in_required","per_turn_effort_active":true,\
        "ultrathink_available":false,"ultrathink_typed_raises":false,"view_mode":"default"$v}
        """
    static let requesting: StaticString = """
        {"type":"system","subtype":"status","status":"requesting","session_id":"$s","uuid":"$u"}
        """
    static let retry: StaticString = """
        {"type":"system","subtype":"api_retry","attempt":$n,"max_retries":10,"retry_delay_ms":10,\
        "error_status":$h,"error":"$e","session_id":"$s","uuid":"$u"}
        """
    static let messageStart: StaticString = """
        {"type":"stream_event","event":{"type":"message_start","message":{"id":"$i","type":"message",\
        "role":"assistant","model":"$m","content":[],"stop_reason":null,"stop_sequence":null,\
        "usage":{"input_tokens":$I,"cache_creation_input_tokens":$C,"cache_read_input_tokens":$R,\
        "output_tokens":1}}},"session_id":"$s","parent_tool_use_id":null,"uuid":"$u","ttft_ms":1,\
        "thinking_display":"updates","api_message_id":"$i"}
        """
    static let blockStart: StaticString = """
        {"type":"stream_event","event":{"type":"content_block_start","index":0,\
        "content_block":{"type":"text","text":""}},$g}
        """
    static let delta: StaticString = """
        {"type":"stream_event","event":{"type":"content_block_delta","index":0,\
        "delta":{"type":"text_delta","text":"$t"}},$g}
        """
    static let halfDelta: StaticString = """
        {"type":"stream_event","event":{"type":"content_block_delta","index":0,\
        "delta":{"type":"text_delta","text":"
        """
    static let assistant: StaticString = """
        {"type":"assistant","message":{"id":"$i","type":"message","role":"assistant","model":"$m",\
        "content":[{"type":"text","text":"$t"}],"stop_reason":null,"stop_sequence":null,\
        "usage":{"input_tokens":$I,"cache_creation_input_tokens":$C,"cache_read_input_tokens":$R,\
        "output_tokens":1},"context_management":null},"parent_tool_use_id":null,"session_id":"$s",\
        "uuid":"$u","timestamp":"$w","request_id":"req_standin"}
        """
    static let blockStop: StaticString = """
        {"type":"stream_event","event":{"type":"content_block_stop","index":$b},$g}
        """
    static let toolStart: StaticString = """
        {"type":"stream_event","event":{"type":"content_block_start","index":$b,\
        "content_block":{"type":"tool_use","id":"$a","name":"$f","input":{}}},$g}
        """
    static let toolDelta: StaticString = """
        {"type":"stream_event","event":{"type":"content_block_delta","index":$b,\
        "delta":{"type":"input_json_delta","partial_json":"$t"}},$g}
        """
    static let toolAssistant: StaticString = """
        {"type":"assistant","message":{"id":"$i","type":"message","role":"assistant","model":"$m",\
        "content":[{"type":"tool_use","id":"$a","name":"$f","input":$j}],"stop_reason":null,\
        "stop_sequence":null,"usage":{"input_tokens":$I,"cache_creation_input_tokens":$C,\
        "cache_read_input_tokens":$R,"output_tokens":1},"context_management":null},\
        "parent_tool_use_id":null,"session_id":"$s","uuid":"$u","timestamp":"$w",\
        "request_id":"req_standin"}
        """
    static let hookCallback: StaticString = """
        {"type":"control_request","request_id":"$Q","request":{"subtype":"hook_callback",\
        "callback_id":"$H","input":{"session_id":"$s","cwd":"/","permission_mode":"dontAsk",\
        "hook_event_name":"PreToolUse","tool_name":"$f","tool_input":$j,"tool_use_id":"$a"},\
        "tool_use_id":"$a"}}
        """
    static let toolsCall: StaticString = """
        {"type":"control_request","request_id":"$Q","request":{"subtype":"mcp_message",\
        "server_name":"$S","message":{"method":"tools/call","params":{"name":"$f","arguments":$j,\
        "_meta":{"claudecode/toolUseId":"$a"}},"jsonrpc":"2.0","id":$b}}}
        """
    static let messageDelta: StaticString = """
        {"type":"stream_event","event":{"type":"message_delta","delta":{"stop_reason":"$r",\
        "stop_sequence":$q},"usage":{"output_tokens":$n}},$g}
        """
    static let messageStop: StaticString = """
        {"type":"stream_event","event":{"type":"message_stop"},$g}
        """
    static let eventTail: StaticString = """
        "session_id":"$s","parent_tool_use_id":null,"uuid":"$u","api_message_id":"$i"
        """
    static let resume: StaticString = """
        {"type":"user","message":{"role":"user","content":[{"type":"text","text":"Output token limit hit. \
        Resume directly."}]},"parent_tool_use_id":null,"session_id":"$s","uuid":"$u","timestamp":"$w",\
        "isSynthetic":true}
        """
    static let rateLimit: StaticString = """
        {"type":"rate_limit_event","rate_limit_info":{"status":"allowed","resetsAt":$z,\
        "rateLimitType":"five_hour","isUsingOverage":false,"unifiedWindows":{"five_hour":{\
        "utilization":0.42,"resetsAt":$z,"status":"allowed"},"seven_day":{"utilization":0.11,\
        "resetsAt":$Z,"status":"allowed"}}},"uuid":"$u","session_id":"$s"}
        """
    static let rejected: StaticString = """
        {"type":"rate_limit_event","rate_limit_info":{"status":"rejected","isUsingOverage":false},\
        "uuid":"$u","session_id":"$s"}
        """
    static let limitReached: StaticString = """
        {"type":"rate_limit_event","rate_limit_info":{"status":"rejected","resetsAt":$z,\
        "rateLimitType":"five_hour","isUsingOverage":false,"unifiedWindows":{"five_hour":{\
        "utilization":1,"resetsAt":$z,"status":"rejected"},"seven_day":{"utilization":0.11,\
        "resetsAt":$Z,"status":"allowed"}}},"uuid":"$u","session_id":"$s"}
        """
    static let result: StaticString = """
        {"duration_api_ms":1,"stop_reason":"$r","session_id":"$s","total_cost_usd":0,\
        "usage":{"input_tokens":$I,"cache_creation_input_tokens":$C,"cache_read_input_tokens":$R,\
        "output_tokens":$n,"output_tokens_details":{"thinking_tokens":0},"server_tool_use":{\
        "web_search_requests":0,"web_fetch_requests":0},"service_tier":"standard","cache_creation":{\
        "ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":0},"inference_geo":"","iterations":[],\
        "speed":"standard","fallback_credit":null},"modelUsage":{"$m":$U},"permission_denials":[],\
        "terminal_reason":"$E",$A,"is_error":false,"num_turns":$M,"subtype":"success",\
        "api_error_status":null,"result":"$t","ttft_ms":1,"type":"result","duration_ms":2,"uuid":"$u",\
        "ttft_stream_ms":1,"time_to_request_ms":1,"first_content_frame_ms":1,"queued_turn_count":0,\
        "result_index":$x,"model_usage_since_last_result":{"$m":$U}}
        """
    static let tooManyTurns: StaticString = """
        {"type":"result","subtype":"error_max_turns","duration_ms":2,"duration_api_ms":1,"is_error":true,\
        "num_turns":2,"stop_reason":"tool_use","session_id":"$s","total_cost_usd":0,"usage":$N,\
        "modelUsage":{"$m":$U},"permission_denials":[],"terminal_reason":"max_turns",$A,"uuid":"$u",\
        "errors":["Reached maximum number of turns (1)"],"queued_turn_count":0,"result_index":$x}
        """
    static let modelUsage: StaticString = """
        {"inputTokens":$I,"outputTokens":$n,"cacheReadInputTokens":$R,"cacheCreationInputTokens":$C,\
        "webSearchRequests":0,"costUSD":0,"contextWindow":1000000,"maxOutputTokens":128000,\
        "thinkingTokens":0,"cacheCreationEphemeral5mInputTokens":0,\
        "cacheCreationEphemeral1hInputTokens":0,"canonicalModel":"$m","provider":"firstParty",\
        "costBasis":"list"}
        """
    static let resultAccount: StaticString = """
        "fast_mode_state":"off","fast_mode_disabled_reason":"sdk_opt_in_required","subagent_stats":{\
        "spawned":0,"requested":{"background":0,"foreground":0,"unset":0},"started_in_background":0,\
        "max_depth":0,"spawned_by_subagents":0,"completed":0,"failed":0,"killed":{"parent":0,"user":0,\
        "system":0},"refused":{"depth_limit":0,"concurrency_limit":0,"budget":0},"by_type":{}},\
        "safety_stops":0
        """
    static let noUsage: StaticString = """
        {"output_tokens_details":{"thinking_tokens":0},"input_tokens":0,"cache_creation_input_tokens":0,\
        "cache_read_input_tokens":0,"output_tokens":0,"server_tool_use":{"web_search_requests":0,\
        "web_fetch_requests":0},"service_tier":"standard","cache_creation":{"ephemeral_1h_input_tokens":0,\
        "ephemeral_5m_input_tokens":0},"inference_geo":"","iterations":[],"speed":"standard",\
        "fallback_credit":null}
        """
    static let emptyResult: StaticString = """
        {"is_error":false,"duration_api_ms":0,"num_turns":0,"stop_reason":null,"session_id":"$s",\
        "total_cost_usd":0,"usage":$N,"modelUsage":{},"permission_denials":[],$A,"subtype":"success",\
        "result":""$V,"type":"result","duration_ms":1,"uuid":"$u","queued_turn_count":0,\
        "result_index":$x,"model_usage_since_last_result":{}}
        """
    static let failedAssistant: StaticString = """
        {"type":"assistant","message":{"diagnostics":null,"id":"$u","container":null,\
        "model":"<synthetic>","role":"assistant","stop_details":null,"stop_reason":"stop_sequence",\
        "stop_sequence":"","type":"message","usage":{"output_tokens_details":null,"input_tokens":0,\
        "output_tokens":0,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"server_tool_use":{\
        "web_search_requests":0,"web_fetch_requests":0},"service_tier":null,"cache_creation":{\
        "ephemeral_1h_input_tokens":0,"ephemeral_5m_input_tokens":0},"inference_geo":null,\
        "iterations":null,"speed":null,"fallback_credit":null},"content":[{"type":"text","text":"$t"}],\
        "context_management":null},"parent_tool_use_id":null,"session_id":"$s","uuid":"$u",\
        "timestamp":"$w","error":"$e"$K}
        """
    static let failedResult: StaticString = """
        {"duration_api_ms":0,"stop_reason":"stop_sequence","session_id":"$s","total_cost_usd":0,\
        "usage":$N,"modelUsage":{},"permission_denials":[],"terminal_reason":"$T",$A,"is_error":true,\
        "num_turns":1,"subtype":"success","api_error_status":$h$k,"result":"$t","type":"result",\
        "duration_ms":2,"uuid":"$u","queued_turn_count":0,"result_index":$x,\
        "model_usage_since_last_result":{}}
        """
    static let controlSuccess: StaticString = """
        {"type":"control_response","response":{"subtype":"success","request_id":"$Q"}}
        """
    static let controlRefused: StaticString = """
        {"type":"control_response","response":{"subtype":"error","request_id":"$Q","error":"refused"}}
        """
    static let rewound: StaticString = """
        {"type":"control_response","response":{"subtype":"success","request_id":"$Q",\
        "response":{"rewound":true}}}
        """
    static let notRewound: StaticString = """
        {"type":"control_response","response":{"subtype":"success","request_id":"$Q",\
        "response":{"rewound":false,"reason":"$t"}}}
        """
    static let controlUnsupported: StaticString = """
        {"type":"control_response","response":{"subtype":"error","request_id":"$Q",\
        "error":"Unsupported control request subtype: $t","error_code":"unsupported_request"}}
        """
    static let initialized: StaticString = """
        {"type":"control_response","response":{"subtype":"success","request_id":"$Q","response":{\
        "commands":[],"agents":[],"output_style":"default","available_output_styles":["default"],\
        "models":[{"value":"default","resolvedModel":"claude-sonnet-5-5","displayName":"Default",\
        "supportsEffort":true,"supportedEffortLevels":["low","medium","high","xhigh","max"],\
        "supportsAdaptiveThinking":true,"supportsThinkingOff":false}],"account":{"tokenSource":"none",\
        "apiProvider":"firstParty"},"pid":$p,"claude_code_version":"0.0.0",\
        "current_permission_mode":"dontAsk","analytics_disabled":true,"session_state":"idle",\
        "capabilities":[]},"pending_permission_requests":[],"pending_user_dialog_requests":[]}}
        """
    static let contextUsage: StaticString = """
        {"type":"control_response","response":{"subtype":"success","request_id":"$Q","response":{\
        "categories":[{"id":"system_prompt","name":"System prompt","tokens":62,"kind":"used"},\
        {"id":"messages","name":"Messages","tokens":63,"kind":"used"}],"totalTokens":125,\
        "maxTokens":200000,"rawMaxTokens":200000,"percentage":0,"gridRows":[],"model":"$m",\
        "memoryFiles":[],"mcpTools":[],"agents":[],"isAutoCompactEnabled":false,"messageBreakdown":{\
        "toolCallTokens":0,"toolResultTokens":0,"attachmentTokens":0,"assistantMessageTokens":0,\
        "userMessageTokens":0},"apiUsage":null}}}
        """
}
