/** A kernel of Debian's, by the suite that ships it. */
export interface KernelChoice {
  readonly name: string;
  readonly suite: string;
  /** Why it is in the matrix. */
  readonly why: string;
}

export const KERNELS: readonly KernelChoice[] = [
  { name: 'bookworm', suite: 'bookworm', why: 'the oldest kernel supported: 6.1' },
  { name: 'bookworm-backports', suite: 'bookworm-backports', why: 'what bookworm on new hardware runs' },
  { name: 'trixie', suite: 'trixie', why: 'the stable release' },
  { name: 'trixie-backports', suite: 'trixie-backports', why: 'the newest packaged for a stable release' },
  { name: 'sid', suite: 'sid', why: 'what comes next' },
];
