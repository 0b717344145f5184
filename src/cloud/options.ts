import type { RequestListener } from 'node:http';
import type { Log } from '../lib/log.ts';
import type { Ec2LogEntry } from './ec2/exchange.ts';
import type { Ec2Faults } from './ec2/faults.ts';
import type { LaunchOptions } from './machine/launch.ts';
import type { Machine } from './machine/machine.ts';
import type { InstanceDescription } from './metadata/description.ts';
import type { Faults } from './s3/faults.ts';
import type { RequestLogEntry } from './s3/server.ts';

export interface LocalCloudOptions {
  readonly log?: Log;
  /** Local port of the S3 endpoint. Default: a free one. */
  readonly s3Port?: number;
  /** Local port of the EC2 endpoint. Default: a free one. */
  readonly ec2Port?: number;
  readonly region?: string;
  readonly onRequest?: (entry: RequestLogEntry) => void;
  /** Default: gateway.mjs beside this program. */
  readonly gatewayScript?: string;
  /** Misbehaviour of the S3 endpoint, asked at every request. */
  readonly faults?: Faults;
  /** Misbehaviour of the EC2 endpoint, asked at every request before it is carried out and after. */
  readonly ec2Faults?: Ec2Faults;
  readonly onEc2Request?: (entry: Ec2LogEntry) => void;
  /** Ports of an elastic IP, which is a loopback address of this machine, that lead to its instance. Default: 80, 443, 8080. */
  readonly addressPorts?: readonly number[];
  /** What instances that are asked for by EC2 requests are launched with besides. */
  readonly launchOptions?: (about: InstanceDescription) => LaunchOptions;
  /** What an instance is given time for before its plug is pulled by an EC2 request. Default: `haulout shutdown` in it. */
  readonly shutdown?: (machine: Pick<Machine, 'exec'>) => Promise<void>;
  /** Whether requests without a signature may read and list. Default false. */
  readonly anonymousRead?: boolean;
  /** `v1-only`: an S3 endpoint that does not know ListObjectsV2, as the Walrus of Eucalyptus 4. */
  readonly listing?: 'v1-only';
  /** Most entries of one page of a listing. Default 1,000. */
  readonly pageKeys?: number;
  /** `bare`: If-Match holds only without quotes, as by Walrus. */
  readonly ifMatch?: 'bare';
  /** The path of the S3 endpoint, such as `/services/Walrus`; it is part of `endpoint` and `instanceEndpoint`. */
  readonly basePath?: string;
  /** What stands between instances and the S3 endpoint: a bad network, in tests. */
  readonly around?: (handler: RequestListener) => RequestListener;
  /** Whether requests without a signature may write and delete: a mistake that `haulout doctor` must find. Default false. */
  readonly anonymousWrite?: boolean;
}
