/** Receives one line per thing worth telling a person: nothing goes wrong silently. */
export type Log = (line: string) => void;
