package holkas

// serviceConfig says which calls are tried again (gRPC's service config, with its retry policies of
// gRFC A6): those that change nothing, and those that do no harm when they are done twice. A Copy
// whose first event came is not, and a Delete is told apart by its request_id. Many failures in a row
// stop all attempts but the first.
const serviceConfig = `{
  "methodConfig": [{
    "name": [
      {"service": "holkas.v1.ImageService", "method": "Inspect"},
      {"service": "holkas.v1.ImageService", "method": "Copy"},
      {"service": "holkas.v1.ImageService", "method": "Delete"},
      {"service": "holkas.v1.ImageService", "method": "ListTags"},
      {"service": "holkas.v1.ImageService", "method": "Verify"},
      {"service": "holkas.v1.ImageService", "method": "CheckCredentials"},
      {"service": "holkas.v1.ImageService", "method": "GetServerInfo"}
    ],
    "retryPolicy": {
      "maxAttempts": 4,
      "initialBackoff": "0.2s",
      "maxBackoff": "5s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE"]
    }
  }],
  "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1}
}`
