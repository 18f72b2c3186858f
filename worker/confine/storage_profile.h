#ifndef HOLKAS_WORKER_CONFINE_STORAGE_PROFILE_H_
#define HOLKAS_WORKER_CONFINE_STORAGE_PROFILE_H_

#include <linux/capability.h>

#include <cstdint>

namespace holkas {

// What the workers of jobs with a store of containers/storage have beside what every worker has,
// and no other worker ever: a layer is unpacked file by file, with the owners, modes and attributes
// that it says. They come from a zygote of their own, in other namespaces
// (worker/zygote/storage_ids.h), and exist in tier F alone. Who writes to no store has what it
// takes to read one. The system calls are in syscall_policy.cc.
//
// A worker that may change a file's owner or mode by its descriptor could do that to every file
// that is passed to it. So it is passed none that this works with: the stores it reads, and layouts
// and image directories too, are opened through mounts that are read-only
// (worker/zygote/tree_keeper.h), and its standard streams are no device.

// Held in the worker's user namespace, and so over nothing but files whose owners it maps. Root of
// that namespace cannot make devices other than whiteouts, nor set `trusted.*` attributes: that
// takes privilege over the machine.
inline constexpr int kStoreWriterCapabilities[] = {
    CAP_CHOWN,         // owners of a layer's entries
    CAP_DAC_OVERRIDE,  // entries of any mode, of any owner
    CAP_FOWNER,        // modes, times and attributes of entries that have their owner already
    CAP_FSETID,        // set-group-id bits that survive
    CAP_MKNOD,         // whiteouts, on kernels before 5.8
    CAP_SETFCAP,       // security.capability
};
inline constexpr int kStoreReaderCapabilities[] = {
    CAP_DAC_READ_SEARCH,  // entries of any mode, of any owner
};

// Landlock's rights in a store's directories (linux/landlock.h).
inline constexpr uint64_t kStoreReadRights = uint64_t{1} << 2 |  // read files
                                             uint64_t{1} << 3;   // read directories
// All but to execute, to make sockets, and to control devices. To make devices other than whiteouts
// takes privilege over the machine; those that the service makes are moved and linked to.
inline constexpr uint64_t kStoreWriteRights = kStoreReadRights | uint64_t{1} << 1 |  // write files
                                              uint64_t{1} << 4 |   // remove directories
                                              uint64_t{1} << 5 |   // remove files
                                              uint64_t{1} << 6 |   // make character devices
                                              uint64_t{1} << 7 |   // make directories
                                              uint64_t{1} << 8 |   // make files
                                              uint64_t{1} << 10 |  // make FIFOs
                                              uint64_t{1} << 11 |  // make block devices
                                              uint64_t{1} << 12 |  // make symbolic links
                                              uint64_t{1} << 13 |  // link and rename into others
                                              uint64_t{1} << 14;   // truncate

// The least Landlock ABI: before it, nothing is linked or renamed into another directory.
inline constexpr int kStorageLandlockAbi = 2;

}  // namespace holkas

#endif  // HOLKAS_WORKER_CONFINE_STORAGE_PROFILE_H_
