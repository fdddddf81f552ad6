"""The executables of a task: started, fed, watched and ended.

Nothing in here talks to the network.
"""
