/*
 * Signals as a profiler, a timer and a runtime send them, a thousand a second, and where their handlers ran. Linux only:
 * elsewhere nothing is sent.
 */
#ifndef NORMCONV_SIGNAL_STORM_H
#define NORMCONV_SIGNAL_STORM_H

/* Installs handlers for SIGURG, SIGALRM and SIGPROF, and starts a thread that sends one a millisecond: in turn to the process and
 * to each of its threads. */
void storm_start(void);

/* Ends that thread. */
void storm_stop(void);

/* Signals sent so far. */
long storm_sent(void);

/* Handlers that ran so far. */
long storm_handled(void);

/* Handlers that ran on a thread of ours that computes, or interrupted oneDNN, its generated code or OpenMP; 0 is right.
 * The first of them is told on standard error. Call it after `storm_stop`. */
long storm_misplaced(void);

#endif
