#include "clients/cli/inspect_json.h"

#include "gtest/gtest.h"

namespace holkas {
namespace {

using holkas::v1::Descriptor;
using holkas::v1::InspectResponse;

TEST(InspectJson, HasSkopeosKeysInItsOrder) {
  InspectResponse image;
  image.set_name("registry.example.com/app");
  image.set_digest("sha256:aa");
  image.add_repo_tags("1");
  image.set_created("2023-01-02T03:04:05.006Z");
  (*image.mutable_labels())["b"] = "<2>";
  (*image.mutable_labels())["a"] = "1";
  image.set_has_labels(true);
  image.mutable_platform()->set_architecture("amd64");
  image.mutable_platform()->set_os("linux");
  Descriptor* layer = image.add_layers();
  layer->set_media_type("application/vnd.oci.image.layer.v1.tar+gzip");
  layer->set_digest("sha256:bb");
  layer->set_size_bytes(200349);
  layer = image.add_layers();
  layer->set_digest("sha256:cc");
  (*layer->mutable_annotations())["k"] = "v";
  image.add_env("PATH=/bin");
  image.set_has_env(true);
  EXPECT_EQ(InspectJson(image), R"({
    "Name": "registry.example.com/app",
    "Digest": "sha256:aa",
    "RepoTags": [
        "1"
    ],
    "Created": "2023-01-02T03:04:05.006Z",
    "DockerVersion": "",
    "Labels": {
        "a": "1",
        "b": "\u003c2\u003e"
    },
    "Architecture": "amd64",
    "Os": "linux",
    "Layers": [
        "sha256:bb",
        "sha256:cc"
    ],
    "LayersData": [
        {
            "MIMEType": "application/vnd.oci.image.layer.v1.tar+gzip",
            "Digest": "sha256:bb",
            "Size": 200349,
            "Annotations": null
        },
        {
            "MIMEType": "",
            "Digest": "sha256:cc",
            "Size": 0,
            "Annotations": {
                "k": "v"
            }
        }
    ],
    "Env": [
        "PATH=/bin"
    ]
})");
}

TEST(InspectJson, AbsentPartsAreNullOrLeftOut) {
  InspectResponse image;
  image.set_digest("sha256:aa");
  EXPECT_EQ(InspectJson(image), R"({
    "Digest": "sha256:aa",
    "RepoTags": [],
    "Created": null,
    "DockerVersion": "",
    "Labels": null,
    "Architecture": "",
    "Os": "",
    "Layers": [],
    "LayersData": [],
    "Env": null
})");
  image.set_has_labels(true);
  image.set_has_env(true);
  EXPECT_NE(InspectJson(image).find("\"Labels\": {},"), std::string::npos);
  EXPECT_NE(InspectJson(image).find("\"Env\": []\n"), std::string::npos);
}

}  // namespace
}  // namespace holkas
