"""Which calls gRPC repeats by itself, as a gRPC service config (gRPC, service_config.md)."""

import json

_SERVICE = "holkas.v1.ImageService"

# What can be repeated without harm. A Delete is repeated because the client gives each a request_id.
_REPEATED = ("Inspect", "Copy", "Delete", "ListTags", "Verify", "CheckCredentials", "GetServerInfo")

# gRPC repeats a call only while the server has answered nothing. After many failures in a row the
# tokens are used up, and calls fail at once until some succeed.
SERVICE_CONFIG = json.dumps({
    "methodConfig": [{
        "name": [{"service": _SERVICE, "method": method} for method in _REPEATED],
        "retryPolicy": {
            "maxAttempts": 4,
            "initialBackoff": "0.2s",
            "maxBackoff": "5s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        },
    }],
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
})
