/* The simulated host's state: GPUs with their GPU and compute instances, kept in one text file under a lock. */
#ifndef SIM_STATE_H
#define SIM_STATE_H

#define MAX_GPUS 16
#define MAX_INSTANCES 7
#define UUID_SIZE 64
#define NAME_SIZE 96

struct compute_instance {
    int id, profile_id, start, slices;
    char uuid[UUID_SIZE];
};

struct gpu_instance {
    int id, profile_id, start, slices;
    int computes;
    struct compute_instance compute[MAX_INSTANCES];
};

struct gpu {
    char uuid[UUID_SIZE], name[NAME_SIZE];
    long long memory_mb;
    int mig, mig_pending, mig_capable; /* mode now, mode after the next reset */
    int lost;                          /* every call answers GPU_IS_LOST */
    int gi_in_use, ci_fail;            /* so many destructions / creations still fail */
    int delay_ms;                      /* every call on it takes so long */
    int xid;                           /* an XID error waiting to be delivered; 0: none */
    int instances;
    struct gpu_instance instance[MAX_INSTANCES];
};

struct state {
    char driver[NAME_SIZE];
    int gpus;
    struct gpu gpu[MAX_GPUS];
};

/* Locks the state and reads it; 0, or -1 if there is none. Every successful call wants one state_close. */
int state_open(struct state *state);

/* Unlocks; with `changed` writes the state first, atomically (new file, fsync, rename). 0, or -1 if it cannot. */
int state_close(const struct state *state, int changed);

#endif
