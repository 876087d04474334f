"""Patches for behaviour of moto that differs from AWS."""
