import { HauloutError } from '../lib/errors.ts';

/** The marks of a launch file, such as those in userdata/: a word where base64 belongs, a line where the text belongs. */
const BASE64 = /\bHAULOUT_USERDATA_BASE64\b/g;
const TEXT = /^([ \t]*)HAULOUT_USERDATA$/gm;

/**
 * A launch file with user-data where its marks stand: as one word of base64, or line by line, each set in as far as the mark
 * is (a literal block of YAML). Throws where there is no mark, and where text is wanted and the user-data is binary.
 */
export function fillLaunchFile(file: string, userdata: Buffer, name: string): string {
  const isText = file.search(TEXT) >= 0;
  if (isText && userdata.includes(0))
    throw trouble(name, 'it takes text, and gzip is binary', 'leave out --format gzip');
  if (!isText && file.search(BASE64) < 0)
    throw trouble(name, 'it has no place for user-data', 'write HAULOUT_USERDATA_BASE64 into it where that belongs');
  const lines = userdata.toString('utf8').replace(/\n$/, '').split('\n');
  return file
    .replace(BASE64, () => userdata.toString('base64'))
    .replace(TEXT, (_, indent: string) => lines.map((line) => (line === '' ? '' : indent + line)).join('\n'));
}

function trouble(subject: string, reason: string, hint: string): HauloutError {
  return new HauloutError({ code: 'usage', step: 'userdata', subject, reason, hint });
}
