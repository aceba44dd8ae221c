import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';

/** A profile in pprof's format, and what reads the strings that it refers to by number. */
export interface DecodedProfile {
  readonly profile: Profile;
  readonly text: (index: number | bigint) => string;
}

/** @param compressed - as the exporter answers it */
export function decode(compressed: Buffer): DecodedProfile {
  const profile = Profile.decode(gunzipSync(compressed));
  return { profile, text: (index) => profile.stringTable.strings[Number(index)]! };
}
