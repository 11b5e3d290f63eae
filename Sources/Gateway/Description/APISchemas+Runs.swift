extension APISchemas {
    /// Runs of the CLI's own tools.
    static let runs = #"""
        "RunRequest": {"type": "object", "required": ["prompt"], "properties": {
          "prompt": {"type": "string", "pattern": "[!-~]"}, "systemPrompt": {"type": ["string", "null"]},
          "allowedTools": {"type": ["array", "null"], "items": {"type": "string"}, "description": "All of the workspace's, if left out"},
          "workingDirectory": {"type": ["string", "null"], "description": "In the workspace"},
          "model": {"type": ["string", "null"], "pattern": "^[!-~]{0,128}$"},
          "sessionId": {"type": ["string", "null"], "pattern": "^[!-~]([ -~]{0,126}[!-~])?$",
            "description": "The session that it goes on with"},
          "maxTurns": {"type": ["integer", "null"], "minimum": 1, "maximum": 10000}, "stream": {"type": ["boolean", "null"]}}},
        "Run": {"type": "object", "required": ["id", "success", "text", "stopReason", "turns", "usage", "cost", "durationMs",
            "filesChanged", "deniedCalls"],
          "properties": {"id": {"type": "string"}, "success": {"type": "boolean"}, "text": {"type": "string"},
            "result": {"type": "string"},
            "sessionId": {"type": "string"}, "model": {"type": "string"}, "stopReason": {"type": "string"},
            "turns": {"type": "integer"}, "toolCalls": {"type": "integer"}, "usage": {"type": "object"},
            "cost": {"type": ["number", "null"], "description": "Dollars at list prices"}, "durationMs": {"type": "integer"},
            "filesChanged": {"type": "array", "items": {"type": "string"},
              "description": "In the workspace: what Write and Edit have changed, and what a run with Bash has made, changed or removed"},
            "filesChangedTruncated": {"type": "boolean", "description": "True where there may be more of them"},
            "deniedCalls": {"type": "array", "items": {"type": "object", "required": ["tool", "input", "reason"], "properties": {
              "tool": {"type": "string"}, "input": {}, "reason": {"type": "string"}}}}}},
        "RunEnd": {"type": "object", "required": ["sessionId", "cancelled"], "properties": {
          "sessionId": {"type": "string"}, "cancelled": {"const": true}}}
        """#
}
