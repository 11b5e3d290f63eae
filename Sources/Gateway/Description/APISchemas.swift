/// The shapes that requests and answers have, as JSON Schema within an OpenAPI document.
///
/// Of a request they say what is refused and what is not, no more and no less: a field whose content is free, or is
/// looked at only together with others, is named in a description alone. An optional member may always be `null`.
enum APISchemas {
    /// The parameters, by the names under which operations name them.
    static let parameters = #"""
        "model": {"name": "model", "in": "path", "required": true,
          "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}, "example": "sonnet"},
        "response": {"name": "response", "in": "path", "required": true,
          "schema": {"type": "string", "pattern": "^resp_[A-Za-z0-9]{1,64}$"}},
        "conversation": {"name": "conversation", "in": "path", "required": true,
          "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,128}$"}},
        "afterEvent": {"name": "after", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 2147483647}},
        "conversationID": {"name": "x-conversation-id", "in": "header",
          "description": "The conversation in which the request goes on; any name of the caller's own",
          "schema": {"type": "string", "pattern": "^([!-~]([ -~]{0,126}[!-~])?)?$"}},
        "limit": {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 500}},
        "after": {"name": "after", "in": "query", "description": "The id that the page before ended with",
          "schema": {"type": "string"}},
        "itemLimit": {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 100}},
        "order": {"name": "order", "in": "query", "schema": {"enum": ["asc", "desc"]}},
        "since": {"name": "since", "in": "query", "description": "The first day",
          "schema": {"$ref": "#/components/schemas/Day"}, "example": "30d"},
        "until": {"name": "until", "in": "query", "description": "The last day",
          "schema": {"$ref": "#/components/schemas/Day"}, "example": "today"},
        "by": {"name": "by", "in": "query", "schema": {"enum": ["day", "month", "model", "client", "key"]}},
        "key": {"name": "key", "in": "query", "description": "The name of one key, for administrators",
          "schema": {"type": "string"}}
        """#

    /// What is asked.
    static let requests = #"""
        "Day": {"type": "string", "description": "A date, today, yesterday, or 30d for the last 30 days", "anyOf": [
          {"enum": ["today", "yesterday"]}, {"pattern": "^([1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-5][0-9]|3660)d$"},
          {"pattern": "^[0-9]{4}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$"},
          {"pattern": "^([0-9]{2}(0[48]|[2468][048]|[13579][26])|([02468][048]|[13579][26])00)-02-29$"}]},
        "ModelName": {"type": "string", "minLength": 1, "pattern": "^[!-~]{1,128}$",
          "description": "A model's name or alias, as /v1/models lists them", "example": "sonnet"},
        "TokenLimit": {"type": ["integer", "null"], "minimum": 1, "maximum": 2147483647},
        "Switch": {"type": ["boolean", "null"]},
        "Words": {"type": "string", "pattern": "[A-Za-z]", "description": "A text that says something"},
        "Role": {"enum": ["system", "developer", "user", "assistant"]},
        "TextParts": {"type": "array", "items": {"type": "object", "required": ["type", "text"],
          "properties": {"type": {"enum": ["text"]}, "text": {"type": "string"}}}},
        "WordParts": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["type", "text"],
          "properties": {"type": {"enum": ["text"]}, "text": {"$ref": "#/components/schemas/Words"}}}},
        "CountedParts": {"type": "array", "items": {"type": "object", "required": ["type"],
          "description": "A block of any kind, since nobody is asked; one of type text has a text",
          "properties": {"type": {"type": "string"}}}},
        "KeptMessage": {"type": "object", "required": ["role"], "properties": {
          "role": {"$ref": "#/components/schemas/Role"},
          "content": {"oneOf": [{"type": ["string", "null"]}, {"$ref": "#/components/schemas/TextParts"}]}}},
        "ChatMessage": {"type": "object", "required": ["role", "content"], "properties": {
          "role": {"$ref": "#/components/schemas/Role"},
          "content": {"oneOf": [{"$ref": "#/components/schemas/Words"}, {"$ref": "#/components/schemas/WordParts"}]}}},
        "ChatRequest": {"type": "object",
          "description": "Beside these, tools, tool_choice, response_format and what else OpenAI documents, as far as it is honoured here",
          "required": ["model", "messages"], "properties": {
          "model": {"$ref": "#/components/schemas/ModelName"},
          "messages": {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/ChatMessage"}},
          "stream": {"$ref": "#/components/schemas/Switch"},
          "max_completion_tokens": {"$ref": "#/components/schemas/TokenLimit"}, "n": {"enum": [1, null]},
          "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
          "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
          "reasoning_effort": {"enum": ["", "none", "minimal", "low", "medium", "high", "xhigh", "max", null]},
          "stop": {"type": ["string", "array", "null"], "items": {"type": "string"}}}},
        "CountRequest": {"type": "object",
          "description": "Beside these, temperature, tools, tool_choice, thinking, output_config and what else Anthropic documents, as far as it is honoured here",
          "required": ["model", "messages"], "properties": {
          "model": {"$ref": "#/components/schemas/ModelName"},
          "messages": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["role", "content"],
            "properties": {"role": {"enum": ["user"]},
              "content": {"oneOf": [{"type": "string"}, {"$ref": "#/components/schemas/CountedParts"}]}}}},
          "system": {"type": ["string", "array", "null"], "items": {"type": "object", "required": ["type", "text"],
            "properties": {"type": {"enum": ["text"]}, "text": {"type": "string"}}}}}},
        "MessagesRequest": {"allOf": [{"$ref": "#/components/schemas/CountRequest"},
          {"type": "object", "required": ["max_tokens"], "properties": {
            "messages": {"items": {"properties": {"content": {"oneOf": [
              {"$ref": "#/components/schemas/Words"}, {"$ref": "#/components/schemas/WordParts"}]}}}},
            "max_tokens": {"type": "integer", "minimum": 1, "maximum": 128000},
            "stream": {"$ref": "#/components/schemas/Switch"},
            "stop_sequences": {"type": ["array", "null"], "items": {"type": "string", "pattern": "[A-Za-z]"}}}}]},
        "ResponsesCount": {"type": "object",
          "description": "Beside these, tools, tool_choice, reasoning, text, previous_response_id and what else OpenAI documents, as far as it is honoured here",
          "required": ["model", "input"], "properties": {
          "model": {"$ref": "#/components/schemas/ModelName"},
          "input": {"oneOf": [{"type": "string"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/KeptMessage"}}]},
          "instructions": {"type": ["string", "null"]},
          "stream": {"$ref": "#/components/schemas/Switch"},
          "store": {"$ref": "#/components/schemas/Switch"},
          "max_output_tokens": {"$ref": "#/components/schemas/TokenLimit"},
          "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
          "top_p": {"type": ["number", "null"], "minimum": 0, "maximum": 1}}},
        "ResponsesRequest": {"allOf": [{"$ref": "#/components/schemas/ResponsesCount"},
          {"type": "object", "properties": {"input": {"oneOf": [{"$ref": "#/components/schemas/Words"},
            {"type": "array", "minItems": 1, "items": {"$ref": "#/components/schemas/ChatMessage"}}]}}}]},
        "ConversationBeginning": {"type": "object", "properties": {
          "metadata": {"type": ["object", "null"], "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 512},
            "propertyNames": {"maxLength": 64}},
          "items": {"type": ["array", "null"], "items": {"$ref": "#/components/schemas/KeptMessage"}}}}
        """#

    /// What is answered.
    static let answers = #"""
        "Message": {"type": "object", "required": ["id", "type", "role", "model", "content", "stop_reason", "usage"],
          "properties": {"id": {"type": "string"}, "type": {"const": "message"}, "role": {"const": "assistant"},
            "model": {"type": "string"}, "content": {"type": "array", "items": {"type": "object", "required": ["type"]}},
            "stop_reason": {"type": "string"}, "usage": {"type": "object", "required": ["input_tokens", "output_tokens"]}}},
        "ChatCompletion": {"type": "object", "required": ["id", "object", "created", "model", "choices", "usage"],
          "properties": {"id": {"type": "string"}, "object": {"const": "chat.completion"}, "created": {"type": "integer"},
            "model": {"type": "string"}, "usage": {"type": "object",
              "required": ["prompt_tokens", "completion_tokens", "total_tokens"]},
            "choices": {"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "object",
              "required": ["index", "message", "finish_reason"]}}}},
        "Response": {"type": "object", "required": ["id", "object", "created_at", "model", "status", "output"],
          "properties": {"id": {"type": "string"}, "object": {"const": "response"}, "model": {"type": "string"},
            "created_at": {"type": "integer"}, "status": {"enum": ["completed", "incomplete", "failed"]},
            "output": {"type": "array", "items": {"type": "object", "required": ["type"]}}}},
        "TokenCount": {"type": "object", "required": ["input_tokens"], "properties": {
          "input_tokens": {"type": "integer", "minimum": 0}}},
        "Model": {"type": "object", "required": ["id", "object", "type", "created", "created_at", "display_name"],
          "properties": {"id": {"type": "string"}, "object": {"const": "model"}, "type": {"const": "model"},
            "created": {"type": "integer"}, "created_at": {"type": "string", "format": "date-time"},
            "display_name": {"type": "string"}, "max_input_tokens": {"type": "integer"}, "max_tokens": {"type": "integer"}}},
        "ModelList": {"type": "object", "required": ["object", "data", "has_more", "first_id", "last_id"], "properties": {
          "object": {"const": "list"}, "data": {"type": "array", "items": {"$ref": "#/components/schemas/Model"}},
          "has_more": {"const": false}, "first_id": {"type": ["string", "null"]}, "last_id": {"type": ["string", "null"]}}},
        "Deletion": {"type": "object", "required": ["id", "object", "deleted"], "properties": {
          "id": {"type": "string"}, "object": {"type": "string"}, "deleted": {"const": true}}},
        "ItemList": {"type": "object", "required": ["object", "data", "has_more"], "properties": {
          "object": {"const": "list"}, "data": {"type": "array", "items": {"type": "object"}}, "has_more": {"type": "boolean"}}},
        "Conversation": {"type": "object", "required": ["id", "object", "created_at", "last_used_at", "model", "messages", "bytes"],
          "properties": {"id": {"type": "string"}, "object": {"const": "conversation"}, "created_at": {"type": "integer"},
            "last_used_at": {"type": "integer"}, "model": {"type": ["string", "null"]}, "messages": {"type": "integer"},
            "bytes": {"type": "integer"}, "metadata": {"type": "object"}}},
        "ConversationList": {"type": "object", "required": ["object", "data", "has_more", "first_id", "last_id"], "properties": {
          "object": {"const": "list"}, "data": {"type": "array", "items": {"$ref": "#/components/schemas/Conversation"}},
          "has_more": {"type": "boolean"}, "first_id": {"type": ["string", "null"]}, "last_id": {"type": ["string", "null"]}}},
        "Quota": {"type": "object", "required": ["object", "known", "overage_policy"], "properties": {
          "object": {"const": "quota"}, "known": {"type": "boolean"}, "overage_policy": {"type": "string"},
          "windows": {"type": "object"}}},
        "Usage": {"type": "object", "required": ["object", "key"], "properties": {
          "object": {"const": "usage"}, "key": {"type": ["string", "null"]}}},
        "Information": {"type": "object", "required": ["name", "version", "endpoints"], "properties": {
          "name": {"const": "portcullis"}, "version": {"type": "string"}, "status": {"const": "ok"},
          "service": {"const": "portcullis"}, "dialects": {"type": "array", "items": {"type": "string"}},
          "queue": {"type": "object", "required": ["active", "waiting", "max"]},
          "endpoints": {"type": "array", "items": {"type": "string"}}}},
        "Description": {"type": "object", "required": ["openapi", "info", "paths"]},
        "Health": {"type": "object", "required": ["status", "version", "uptime_seconds", "login", "problems"], "properties": {
          "status": {"const": "ok"}, "version": {"type": "string"}, "uptime_seconds": {"type": "integer"},
          "running_turns": {"type": "integer"}, "waiting_turns": {"type": "integer"},
          "problems": {"type": "array", "items": {"type": "object", "required": ["about", "text"]}}}},
        "Readiness": {"type": "object", "required": ["status", "checks", "failing"], "properties": {
          "status": {"enum": ["ready", "not_ready"]}, "failing": {"type": "array", "items": {"type": "string"}}}},
        "Error": {"anyOf": [{"$ref": "#/components/schemas/OpenAIError"}, {"$ref": "#/components/schemas/AnthropicError"}]},
        "OpenAIError": {"type": "object", "required": ["error"], "properties": {
          "run": {"$ref": "#/components/schemas/Run", "description": "What a run had come to"}, "error": {"type": "object",
          "required": ["message", "type", "param", "code"], "properties": {"message": {"type": "string"},
            "type": {"type": "string"}, "param": {"type": ["string", "null"]}, "code": {"type": ["string", "null"]}}}}},
        "AnthropicError": {"type": "object", "required": ["type", "error", "request_id"], "properties": {
          "type": {"const": "error"}, "request_id": {"type": "string"}, "error": {"type": "object",
            "required": ["type", "message"], "properties": {"type": {"type": "string"}, "message": {"type": "string"}}}}}
        """#
}
