// LocalCoder IDE ships no agent host. The server starts this process whatever the settings say, so
// it has to exist; it exits at once and nothing waits for it.
process.exit(0);
