"""Files of servers, fetched by a process that reaches the network and parses nothing."""
