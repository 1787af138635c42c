"""The peers that are Python packages.  Each runs in a process of its own, which python_peer.cpp starts."""
