import { parseBucketAddress } from '../../aws/location.ts';
import { BucketWriter } from '../../aws/write.ts';
import { EXIT } from '../../lib/exit.ts';
import { addressText } from '../../userdata/settings.ts';
import { endpointOf } from '../live.ts';
import { uploadTrouble } from '../sdk-trouble.ts';
import { say } from '../talk.ts';
import { Details } from './details.ts';
import { writeOut } from './out-file.ts';
import { pageDocument } from './page-document.ts';
import { openPlace, type PlaceOptions, usage } from './place.ts';
import { FleetReader } from './read-fleet.ts';
import { fleetWords } from './table.ts';

export interface PageOptions extends PlaceOptions {
  readonly out?: string;
  readonly upload?: string;
}

/** More than a person opens; each is up to some kilobytes of the page. */
const MOST_DETAILS = 200;

/** `haulout fleet page s3://bucket`: the fleet as one HTML page, on stdout, in a file, or in a bucket. */
export async function fleetPage(address: string, options: PageOptions): Promise<number> {
  const target = options.upload === undefined ? undefined : parseBucketAddress(options.upload);
  if (options.upload !== undefined && !target?.prefix)
    throw usage('--upload', 'this is no address of an object', 'write --upload s3://bucket/fleet.html');
  const place = await openPlace(address, options);
  try {
    const details = new Details(MOST_DETAILS, () => place.reader.serverDate ?? Date.now());
    const view = await new FleetReader(place, details.add).look();
    const page = pageDocument({ view, details: details.worstFirst(), state: place.text, role: place.role });
    if (options.out !== undefined) await writeOut(options.out, page);
    if (target) await upload(target.bucket, target.prefix, page, options);
    if (options.out === undefined && !target) process.stdout.write(page);
    const where = [options.out, target && addressText(target)].filter((one) => one !== undefined).join(' and ');
    say(
      `${fleetWords(view)}; ${Math.ceil(Buffer.byteLength(page) / 1024).toLocaleString('en-US')} KiB${where === '' ? '' : ` in ${where}`}`,
    );
    return EXIT.done;
  } finally {
    place.reader.close();
  }
}

async function upload(bucket: string, key: string, page: string, options: PageOptions): Promise<void> {
  const profile = options.profile ? { profile: options.profile } : {};
  const writer = new BucketWriter({ endpoint: await endpointOf(options), ...profile });
  try {
    await writer.put(bucket, key, Buffer.from(page), { contentType: 'text/html; charset=utf-8' });
  } catch (error) {
    throw uploadTrouble('page', `s3://${bucket}/${key}`, error);
  } finally {
    writer.close();
  }
}
