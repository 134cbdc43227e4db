/* The MPS stand-in: its settings, its daemon's parts, and the client's. */
#ifndef SIM_MPS_H
#define SIM_MPS_H

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#define PID_FILE "nvidia-cuda-mps-control.pid"
#define LOCK_FILE "control_lock"
#define SOCKET "control"
#define COMMAND_SIZE 512

/* Directories from CUDA_MPS_PIPE_DIRECTORY and CUDA_MPS_LOG_DIRECTORY, or the real one's defaults. */
const char *pipe_directory(void);
const char *log_directory(void);

/* One line into control.log. */
void log_line(const char *text);

/* The control socket's address, relative to the pipe directory: socket addresses are short, directories may be deep. */
struct sockaddr_un control_address(void);

/* NULL if the device that CUDA_VISIBLE_DEVICES names exists and answers, else what is wrong with it. */
const char *device_problem(void);

/* Runs one command and writes the answer; non-zero if it was `quit`. */
int answer(char *command, char *text, size_t size);
/* Ends every server; they end with the daemon too. */
void end_servers(void);

/* Each is a whole run of the program; the exit status. */
int run_daemon(int in_foreground);
int run_client(void);

#endif
