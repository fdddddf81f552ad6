"""Grade foreign Managers and Workers, by playing their peers over sockets."""
