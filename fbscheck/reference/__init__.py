"""Independent answers: cvxpy programs, worst-case semidefinite programs, other people's solvers.

The only folder that imports cvxpy and its solvers; nothing here shares code with what it checks.
"""
