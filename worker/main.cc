// holkas-worker: the program of the processes that read images. holkasd starts it as a zygote
// (`holkas-worker --zygote TIER [--storage USER_NAME]`, worker/zygote/zygote.h); nobody else has a
// use for it.

#include <stdio.h>

#include "worker/crypt/unwrap_layer_key.h"
#include "worker/jobs/job.h"
#include "worker/zygote/zygote.h"

int main(int argc, char** argv) {
  holkas::ZygoteOptions options = holkas::ParseZygoteArguments(argc, argv);
  if (options.tier == holkas::v1::SANDBOX_TIER_UNSPECIFIED) {
    fputs("holkas-worker is started by holkasd\n", stderr);
    return 1;
  }
  options.jobs = {.inspect = &holkas::RunInspect,
                  .fetch_token = &holkas::RunFetchToken,
                  .unwrap_key = &holkas::UnwrapLayerKey,
                  .check_credentials = &holkas::RunCheckCredentials,
                  .mount_blob = &holkas::RunMountBlob,
                  .copy = &holkas::RunCopy,
                  .delete_image = &holkas::RunDelete,
                  .list_tags = &holkas::RunListTags};
  return holkas::RunZygote(options);
}
