"""Budgets: what keys may spend, set aside before a request is sent and booked when it has ended."""
