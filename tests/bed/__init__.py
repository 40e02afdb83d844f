# SPDX-License-Identifier: GPL-2.0
"""The virtual machines that penstock is tested in."""
