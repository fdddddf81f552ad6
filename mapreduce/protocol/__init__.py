"""What processes say to each other: messages, answers, and names of files.

Pure: what lives here turns values into other values and touches nothing else.
"""
