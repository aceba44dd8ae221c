/** Debian's names of processor architectures. */
export type Architecture = 'amd64' | 'arm64';

/** A kernel of Debian's, by the suite that ships it. */
export interface KernelChoice {
  readonly name: string;
  readonly suite: string;
  readonly architecture: Architecture;
  /** Why it is in the matrix. */
  readonly why: string;
}

export const KERNELS: readonly KernelChoice[] = [
  amd64('bookworm', 'the oldest kernel supported: 6.1'),
  amd64('bookworm-backports', 'what bookworm on new hardware runs'),
  amd64('trixie', 'the stable release'),
  amd64('trixie-backports', 'the newest packaged for a stable release'),
  amd64('sid', 'what comes next'),
  arm64('bookworm', 'the other architecture, as old as can be'),
  arm64('trixie', 'the other architecture'),
];

function amd64(suite: string, why: string): KernelChoice {
  return { name: suite, suite, architecture: 'amd64', why };
}

function arm64(suite: string, why: string): KernelChoice {
  return { name: `${suite}-arm64`, suite, architecture: 'arm64', why };
}
