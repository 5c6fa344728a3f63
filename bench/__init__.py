"""Benchmarks: speed, memory and the decision behind the product, measured on the machine at hand. Nothing is shipped.

Each bench is a package that ``python -m`` runs and a target of the Makefile calls. A figure is a median of five
repetitions or more, and what is compared is measured in one run.
"""
