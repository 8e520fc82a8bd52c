"""The web page (`terralex demo`), the HTTP service (`terralex serve`) and the MCP server (`terralex mcp`)."""
