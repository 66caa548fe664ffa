"""Archives are opened in separate processes, with limits and queues; if one dies, only its file is affected."""
