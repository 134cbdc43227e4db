/* Opens and closes the state: a lock that holds processes and threads apart, writing that is never seen half done. */
#include "state.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static pthread_mutex_t threads = PTHREAD_MUTEX_INITIALIZER; /* flock holds processes apart, not threads */
static int lock_fd = -1;

int state_path(char path[PATH_SIZE], const char *file) {
    const char *folder = getenv("SLICEPLANE_SIM_STATE");
    int length = snprintf(path, PATH_SIZE, "%s/%s", folder && *folder ? folder : DEFAULT_FOLDER, file);
    return length > 0 && length < PATH_SIZE ? 0 : -1;
}

static int lock(void) {
    char path[PATH_SIZE];
    pthread_mutex_lock(&threads);
    if (state_path(path, "host.lock") == 0) lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock_fd < 0) return -1;
    int result;
    do result = flock(lock_fd, LOCK_EX);
    while (result != 0 && errno == EINTR);
    return result;
}

static void unlock(void) {
    if (lock_fd >= 0) close(lock_fd); /* closing releases the flock, and so does kill -9 */
    lock_fd = -1;
    pthread_mutex_unlock(&threads);
}

static enum state_error load(struct state *state) {
    char path[PATH_SIZE];
    FILE *file = state_path(path, "host.state") == 0 ? fopen(path, "re") : NULL;
    if (!file) return STATE_NONE;
    enum state_error result = state_read(file, state);
    fclose(file);
    return result;
}

/* No fsync: a reboot, which alone could lose the file, loses real MIG instances too. */
static enum state_error save(const struct state *state) {
    char path[PATH_SIZE], fresh[PATH_SIZE];
    if (state_path(path, "host.state") || state_path(fresh, "host.state.new")) return STATE_NOT_WRITTEN;
    FILE *file = fopen(fresh, "we");
    if (!file) return STATE_NOT_WRITTEN;
    state_write(file, state);
    return fclose(file) != 0 || rename(fresh, path) != 0 ? STATE_NOT_WRITTEN : STATE_OK;
}

enum state_error state_open(struct state *state) {
    enum state_error result = lock() == 0 ? load(state) : STATE_NONE;
    if (result != STATE_OK) unlock();
    return result;
}

enum state_error state_close(const struct state *state, int changed) {
    enum state_error result = changed ? save(state) : STATE_OK;
    unlock();
    return result;
}
