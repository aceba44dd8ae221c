/** What the model reports of events, whose times are milliseconds; events.c tells how they are written. */
export type Row = [title: string, end: 'client' | 'server', events: string[], report: string[]];
