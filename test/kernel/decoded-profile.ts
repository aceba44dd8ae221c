import { gunzipSync } from 'node:zlib';
import { Profile } from 'pprof-format';

/** A profile in pprof's format, and a look-up of the strings that it refers to by index. */
export interface DecodedProfile {
  readonly profile: Profile;
  readonly text: (index: number | bigint) => string;
}

/** @param compressed - body of an exporter's response */
export function decode(compressed: Buffer): DecodedProfile {
  const profile = Profile.decode(gunzipSync(compressed));
  return { profile, text: (index) => profile.stringTable.strings[Number(index)]! };
}
