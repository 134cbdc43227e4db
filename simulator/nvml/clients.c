/* Processes that use a device: tritonserver leaves a file clients/PID, "STARTTIME UUID", and dies with it. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"

struct process_info {
    unsigned pid;
    unsigned long long memory;
    unsigned gi, ci;
};
#define MEMORY_UNKNOWN (~0ull)
#define NO_INSTANCE 0xFFFFFFFFu
#define MAX_CLIENTS 512

/* When the process started, in clock ticks since boot (proc(5), field 22), or 0 if it is no more. */
static unsigned long long start_of(int pid) {
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    size_t length = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file) fclose(file);
    text[length] = 0;
    const char *rest = strrchr(text, ')');
    char state = 0;
    unsigned long long start = 0;
    const char *format = " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu";
    if (!rest || sscanf(rest + 1, format, &state, &start) != 2) return 0;
    return state == 'Z' || state == 'X' ? 0 : start;
}

/* Whether the file names a process that lives and uses `uuid`; a file that outlived its process goes. */
static int uses(const char *name, const char *uuid) {
    char path[PATH_SIZE], file_name[300], found[UUID_SIZE];
    unsigned long long start = 0;
    snprintf(file_name, sizeof file_name, "clients/%s", name);
    FILE *file = state_path(path, file_name) == 0 ? fopen(path, "re") : NULL;
    if (!file) return 0;
    int fields = fscanf(file, "%llu %63s", &start, found);
    fclose(file);
    if (fields != 2) return 0;
    if (start_of(atoi(name)) != start) {
        remove(path);
        return 0;
    }
    return !strcmp(found, uuid);
}

int clients_of(const char *uuid, int *pids, int size) {
    char path[PATH_SIZE];
    DIR *folder = state_path(path, "clients") == 0 ? opendir(path) : NULL;
    if (!folder) return 0;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (atoi(entry->d_name) <= 0 || !uses(entry->d_name, uuid)) continue;
        if (count < size) pids[count] = atoi(entry->d_name);
        count++;
    }
    closedir(folder);
    return count;
}

/* Clients of one device, into `found` from `count` on. */
static int collect(const char *uuid, unsigned gi, unsigned ci, struct process_info *found, int count) {
    int pids[MAX_CLIENTS];
    int living = clients_of(uuid, pids, MAX_CLIENTS);
    for (int i = 0; i < living && i < MAX_CLIENTS && count < MAX_CLIENTS; i++)
        found[count++] = (struct process_info){(unsigned)pids[i], MEMORY_UNKNOWN, gi, ci};
    return count;
}

static int collect_instance(const struct gpu_instance *gi, const struct compute_instance *only,
                            struct process_info *found, int count) {
    for (int i = 0; i < gi->computes; i++)
        if (!only || only == &gi->compute[i])
            count = collect(gi->compute[i].uuid, (unsigned)gi->id, (unsigned)gi->compute[i].id, found, count);
    return count;
}

EXPORT ret nvmlDeviceGetComputeRunningProcesses_v3(handle device, unsigned *count, struct process_info *processes) {
    struct view view;
    struct process_info found[MAX_CLIENTS];
    unsigned size = count ? *count : 0;
    ret result = count ? view_open_device(&view, device) : INVALID_ARGUMENT;
    if (result != OK) return result;
    int living = view.ci ? 0 : collect(view.gpu->uuid, NO_INSTANCE, NO_INSTANCE, found, 0);
    for (int i = 0; i < view.gpu->instances; i++)
        if (!view.gi || view.gi == &view.gpu->instance[i])
            living = collect_instance(&view.gpu->instance[i], view.ci, found, living);
    *count = (unsigned)living;
    if (*count > size || (*count && !processes)) return view_close(&view, 0, INSUFFICIENT_SIZE);
    if (*count) memcpy(processes, found, *count * sizeof *found);
    return view_close(&view, 0, OK);
}
