"""The project on this machine: files, paths, locks, storage, servers, the terminal."""
