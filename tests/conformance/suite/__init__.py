# SPDX-License-Identifier: MIT
"""A conformance suite for RFC 6455 and RFC 7692, for servers and for clients that echo."""
