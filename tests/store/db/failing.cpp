// Preloaded into a process, makes its N-th change to a file under one folder fail, as a bad or a full disk does.
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>

namespace {

char folder[PATH_MAX];
std::atomic<long> left{-1};   // calls until the one that fails; negative: none does
std::atomic<long> failed{0};  // calls that failed
int code = EIO;
bool full = false;            // from then on no file grows; else only the one call fails

template <typename Function>
Function real(const char* name) {
    return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool is_under(const char* path) {
    return folder[0] != 0 && strncmp(path, folder, strlen(folder)) == 0;
}

bool is_under(int file) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    const ssize_t size = readlink(link, path, sizeof path - 1);
    path[size > 0 ? size : 0] = 0;
    return is_under(path);
}

bool fails(bool counts) {
    if (!counts || left < 0) return false;
    const long before = left.load();
    if (before > 1) {
        left = before - 1;
        return false;
    }
    if (!full) left = -1;
    else left = 1;
    failed++;
    errno = code;
    return true;
}

// A full disk takes a part of the first write that it has no room for.
template <typename Write>
ssize_t grown(int file, size_t size, Write write) {
    const bool first = failed == 0;
    if (!fails(is_under(file))) return write(size);
    return full && first && size > 1 ? write(size / 2) : -1;
}

}  // namespace

extern "C" {

void fail_at(const char* where, long number, int error, int is_full) {
    snprintf(folder, sizeof folder, "%s", where);
    code = error;
    full = is_full;
    failed = 0;
    left = number;
}

long failures() { return failed; }

ssize_t write(int file, const void* data, size_t size) {
    static const auto call = real<ssize_t (*)(int, const void*, size_t)>("write");
    return grown(file, size, [=](size_t some) { return call(file, data, some); });
}

ssize_t pwrite(int file, const void* data, size_t size, off_t place) {
    static const auto call = real<ssize_t (*)(int, const void*, size_t, off_t)>("pwrite");
    return grown(file, size, [=](size_t some) { return call(file, data, some, place); });
}

ssize_t pwrite64(int file, const void* data, size_t size, off64_t place) {
    static const auto call = real<ssize_t (*)(int, const void*, size_t, off64_t)>("pwrite64");
    return grown(file, size, [=](size_t some) { return call(file, data, some, place); });
}

ssize_t writev(int file, const struct iovec* parts, int count) {
    static const auto call = real<ssize_t (*)(int, const struct iovec*, int)>("writev");
    return fails(is_under(file)) ? -1 : call(file, parts, count);
}

int ftruncate(int file, off_t size) {
    static const auto call = real<int (*)(int, off_t)>("ftruncate");
    return fails(is_under(file)) ? -1 : call(file, size);
}

int ftruncate64(int file, off64_t size) {
    static const auto call = real<int (*)(int, off64_t)>("ftruncate64");
    return fails(is_under(file)) ? -1 : call(file, size);
}

int fsync(int file) {
    static const auto call = real<int (*)(int)>("fsync");
    return fails(!full && is_under(file)) ? -1 : call(file);
}

int fdatasync(int file) {
    static const auto call = real<int (*)(int)>("fdatasync");
    return fails(!full && is_under(file)) ? -1 : call(file);
}

int rename(const char* from, const char* to) {
    static const auto call = real<int (*)(const char*, const char*)>("rename");
    return fails(!full && is_under(to)) ? -1 : call(from, to);
}

int fallocate(int file, int mode, off_t place, off_t size) {
    static const auto call = real<int (*)(int, int, off_t, off_t)>("fallocate");
    return fails(is_under(file)) ? -1 : call(file, mode, place, size);
}

int remove(const char* path) {
    static const auto call = real<int (*)(const char*)>("remove");
    return fails(!full && is_under(path)) ? -1 : call(path);
}

int unlink(const char* path) {
    static const auto call = real<int (*)(const char*)>("unlink");
    return fails(!full && is_under(path)) ? -1 : call(path);
}
}
