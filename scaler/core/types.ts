/**
 * The words of the decision core. Everything here is plain data: durations and times are seconds (times since
 * the Unix epoch), CPU is in cores, shares are fractions of busy thread time (0..1).
 */
export * from './types/decision.js';
export * from './types/history.js';
export * from './types/pod.js';
export * from './types/rule.js';
export * from './types/samples.js';
export * from './types/workload.js';
