# SPDX-License-Identifier: MIT
"""What is known of others by other means (Autobahn's suite, their source): if it does not come out
here, the suite is wrong, or they have changed."""


def differences(run):
    """Sentences."""
    return []
