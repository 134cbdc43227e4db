/* The simulated host's state: GPUs with their GPU and compute instances, kept in one text file under a lock. */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#include <stdio.h>

#define MAX_GPUS 16
#define MAX_INSTANCES 7
#define MAX_EVENTS 32
#define UUID_SIZE 64
#define NAME_SIZE 96
#define PATH_SIZE 4096
#define STATE_VERSION 1
#define DEFAULT_FOLDER "/var/tmp/sliceplane-simulated-host"

/* `serial` is new for every new instance: a handle to a destroyed one never names its successor. */
struct compute_instance {
    int id, profile_id, start, gpcs, serial;
    char uuid[UUID_SIZE];
};

struct gpu_instance {
    int id, profile_id, start, slices, serial;
    int computes;
    struct compute_instance compute[MAX_INSTANCES];
};

struct gpu {
    char uuid[UUID_SIZE], name[NAME_SIZE];
    long long memory_mb;
    int mig, mig_pending, mig_capable; /* mode now, mode after the next reset, whether the board has one */
    int lost;                          /* every call answers GPU_IS_LOST */
    int gi_in_use, ci_fail;            /* so many destructions / creations still fail */
    int delay_ms;                      /* every call on it takes so long */
    int renamed;                       /* profiles are named for their exact memory, as some drivers do: 3g.39gb */
    int instances;
    struct gpu_instance instance[MAX_INSTANCES];
};

/* An XID error that happened: who waits for events gets those numbered after its registration. */
struct event {
    int number, gpu, xid;
};

struct state {
    char driver[NAME_SIZE];
    int next_serial, next_event;
    int gpus, events;
    struct gpu gpu[MAX_GPUS];
    struct event event[MAX_EVENTS];
};

enum state_error { STATE_OK, STATE_NONE, STATE_OTHER_VERSION, STATE_DAMAGED, STATE_NOT_WRITTEN };

/* Path of `file` in the host's folder (SLICEPLANE_SIM_STATE, else the default); 0, or -1 if it is too long. */
int state_path(char path[PATH_SIZE], const char *file);

/* Locks the state and reads it. Every success wants one state_close; a failure has unlocked it already. */
enum state_error state_open(struct state *state);

/* Unlocks; with `changed` writes the state first, atomically (new file, rename). */
enum state_error state_close(const struct state *state, int changed);

/* Between text and state (state_text.c). */
enum state_error state_read(FILE *file, struct state *state);
void state_write(FILE *file, const struct state *state);

#endif
