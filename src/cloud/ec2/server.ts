/**
 * The EC2 endpoint of the local cloud: enough of the EC2 Query API for haulout's desk, the AWS SDKs, the AWS CLI and euca2ools,
 * over the throw-away instances of this machine, which really boot the user-data they are given. The way of a request:
 *
 *   exchange (what was sent) -> authenticate -> actions (what is it) -> parameters (is all of it known) -> the action -> XML
 *
 * ## What it is not
 * Not Amazon: no TLS, one region, one account, one zone. No images: every instance is a copy of this machine's root, whatever
 * ImageId says; no types: InstanceType is a word. No networks, groups, volumes, snapshots, key pairs, profiles, spot instances,
 * schedules, quotas but two (instances, addresses). Nothing is eventually consistent: what was answered is so.
 *
 * ## Refused, not pretended
 * - InvalidAction: every action without a row in actions.ts; the answer names it.
 * - UnknownParameter: parameters that the action does not know; the answer names the first.
 * - UnsupportedOperation: values that would change the meaning, by name (a public address at launch, DisableApiTermination,
 *   HttpEndpoint=disabled, tags of volumes ...), and RunInstances where this machine can have no instances.
 * - InvalidParameterValue: filters that are not known.
 *
 * ## Heard, and without effect
 * - SecurityGroup, SecurityGroupId, SubnetId, Placement.AvailabilityZone, EbsOptimized, Monitoring, CreditSpecification,
 *   BlockDeviceMapping, NetworkInterface (but its public address) of RunInstances.
 * - KeyName, InstanceType and HttpPutResponseHopLimit are shown again, no more.
 * - IamInstanceProfile names the role that the metadata service shows. An instance has a role with or without it, and the
 *   role may do everything: there is no IAM here.
 *
 * ## By design
 * - Keys are those of the S3 endpoint. A key with a policy may do nothing here: its policy knows S3 only. The region of a
 *   signature may be any.
 * - DryRun is answered with DryRunOperation once the parameters are known by name; their values are not looked at.
 * - An elastic IP is a loopback address of this machine, 127.77.x.y: the ports of `addressPorts` lead to the instance's, from
 *   this machine only, and not from instances. A port on which the instance does not listen is accepted and closed.
 *   While an address is associated with nothing, connections to it are refused.
 * - TerminateInstances, StopInstances (but with Force) and RebootInstances give the instance's agent 90 seconds to end its services
 *   (`haulout shutdown`), then the plug is pulled. The answers do not wait for it.
 * - An instance that was stopped boots from its disk again, with its private address and its elastic IP; user-data does not run
 *   then, and only the agent is started (there is no systemd; /etc/rc.local runs where the image runs user-data by it). A reboot
 *   is the same in one. Where this machine's file system can hold no such disks, and for instances that the library launched,
 *   the root device is `instance-store`: no stop, no reboot.
 * - An instance that goes down by itself, even if it meant to reboot, is stopped; terminated if it was launched so, if it has no
 *   such disk, or if it was the library's (`machine.terminate()` pulls the plug).
 * - An instance is shown for an hour after it was terminated, and its console output with it. The console goes on over boots.
 * - The default version of a launch template is its first. What a request says of a thing replaces all its template says of it.
 *   Template data that are heard without effect are not told back.
 * - Instance and system status are `ok` as soon as an instance runs: there is no initializing, and no impairment.
 *
 * ## Client quirks
 * - euca2ools sends no ClientToken, a made-up region, parameters in any order, addresses instead of allocations. Up to 3.2 it signs by
 *   version 2, among the parameters.
 * - The namespace of an answer is that of the Version that was asked for.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { systemClock } from '../../lib/clock.ts';
import { HauloutError } from '../../lib/errors.ts';
import type { S3Key } from '../s3/authenticate.ts';
import type { Fault } from '../s3/faults.ts';
import { send } from '../s3/send.ts';
import { element, xmlDocument } from '../s3/xml.ts';
import type { CloudState } from './action.ts';
import { ACTIONS } from './actions.ts';
import { authenticate } from './authenticate.ts';
import { Ec2Error, errorDocument } from './errors.ts';
import { type Ec2LogEntry, type Exchange, logEntry, newExchange, readParameters, readSigned } from './exchange.ts';
import type { Ec2FaultRequest, Ec2Faults } from './faults.ts';
import type { Ec2Instance } from './instance.ts';
import type { Order } from './order.ts';
import { refuseUnknown } from './parameters.ts';
import { newState, type StateOptions } from './state.ts';

export interface Ec2EndpointOptions extends StateOptions {
  readonly keys: (accessKeyId: string) => S3Key | undefined;
  readonly onRequest?: (entry: Ec2LogEntry) => void;
  readonly faults?: Ec2Faults;
}

interface Reply {
  readonly status: number;
  readonly body: string;
  /** How much of it the client gets, when that is not all. */
  readonly cutAfterBytes?: number;
}

const BROKEN: Reply = { status: 0, body: '', cutAfterBytes: 0 };

const VERSION = /^\d{4}-\d\d-\d\d$/;

export class Ec2Endpoint {
  readonly #options: Ec2EndpointOptions;
  readonly #cloud: CloudState;
  readonly #closing = new AbortController();

  constructor(options: Ec2EndpointOptions) {
    this.#options = options;
    this.#cloud = newState(options);
  }

  /** For any http.Server; its owner sets the deadlines of its sockets. */
  readonly handler = (incoming: IncomingMessage, response: ServerResponse): void => {
    void this.#serve(incoming, response);
  };

  /** An instance from the inside, without a request. Resolves when its user-data has begun to run. */
  async launch(order: Order, tags: Readonly<Record<string, string>>, instanceId?: string): Promise<Ec2Instance> {
    const instance = await this.#cloud.instances.reserveOne(order, instanceId);
    this.#cloud.tags.set(instance.instanceId, new Map(Object.entries(tags)));
    await instance.boot();
    return instance;
  }

  /** Requests that come later get 503, nothing is launched any more, and addresses lead nowhere. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#cloud.instances.close();
    await this.#cloud.addresses.close();
  }

  /** Resolves when nothing is under way any more: after the machines are gone. */
  async settled(): Promise<void> {
    await this.#cloud.instances.settled();
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = newExchange(incoming, response);
    const status = await this.#converse(exchange).catch((error) => {
      exchange.error = exchange.error ?? 'ConnectionLost';
      response.destroy(error);
      return response.statusCode;
    });
    incoming.resume();
    this.#options.onRequest?.(logEntry(exchange, status));
  }

  async #converse(exchange: Exchange): Promise<number> {
    const reply = await this.#answer(exchange).catch((error) => refusalOf(exchange, error));
    const headers = { 'content-type': 'text/xml;charset=UTF-8', server: 'haulout', 'x-amzn-requestid': exchange.id };
    if (reply.cutAfterBytes === 0) throw new Error('the connection breaks on purpose');
    await send(exchange, { ...reply, headers }, reply.cutAfterBytes);
    return reply.status;
  }

  async #answer(exchange: Exchange): Promise<Reply> {
    if (this.#closing.signal.aborted) throw new Ec2Error('Unavailable', 'The local cloud is being closed');
    const signed = await readSigned(exchange);
    const parameters = readParameters(signed);
    exchange.parameters = parameters;
    exchange.action = parameters.text('Action') ?? 'Unknown';
    const before = await this.#misbehave(exchange, 'before');
    if (before && 'status' in before) return faulty(exchange, before);
    if (before && 'cutAfterBytes' in before) return BROKEN;
    const identity = authenticate(signed, parameters, this.#options.keys, Date.now());
    exchange.accessKeyId = identity.accessKeyId;
    exchange.parameters = identity.parameters;
    const reply = await this.#carryOut(exchange);
    const after = await this.#misbehave(exchange, 'after');
    if (after && 'status' in after) return faulty(exchange, after);
    return { ...reply, ...(after && 'cutAfterBytes' in after ? after : {}) };
  }

  async #carryOut({ id, parameters }: Exchange): Promise<Reply> {
    const name = parameters.needed('Action');
    const version = parameters.needed('Version');
    if (!VERSION.test(version)) {
      throw new Ec2Error('NoSuchVersion', `The requested version (${version}) of service AmazonEC2 does not exist`);
    }
    const action = ACTIONS.get(name);
    if (!action) {
      const message = `The action ${name} is not valid for this web service: haulout's local EC2 does not know it.`;
      throw new Ec2Error('InvalidAction', message);
    }
    refuseUnknown(parameters, action.takes, action.ignores ?? []);
    if (parameters.flag('DryRun')) {
      throw new Ec2Error('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.');
    }
    const fields = await action.handle({ parameters, cloud: this.#cloud });
    const body = element(`${name}Response`, { requestId: id, ...fields });
    const namespace = `http://ec2.amazonaws.com/doc/${version}/`;
    return { status: 200, body: xmlDocument(body.replace('>', ` xmlns="${namespace}">`)) };
  }

  async #misbehave(exchange: Exchange, moment: Ec2FaultRequest['moment']): Promise<Fault | undefined> {
    const { action, parameters, response } = exchange;
    const fault = this.#options.faults?.({ action, moment, parameters: Object.fromEntries(parameters.pairs) });
    if (!fault || !('stallMs' in fault)) return fault;
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const over = AbortSignal.any([gone.signal, this.#closing.signal]);
    await systemClock.sleep(fault.stallMs, over).catch(() => {
      throw new Ec2Error('Unavailable', 'The local cloud is being closed');
    });
    return undefined;
  }
}

/** What this machine cannot do is told in our words; anything else is a fault of ours, which the log tells. */
function refusalOf(exchange: Exchange, error: unknown): Reply {
  const why = error instanceof HauloutError ? `: ${error.reason}. ${error.hint}` : '';
  const refused =
    error instanceof Ec2Error ? error : new Ec2Error('InternalError', `An internal error has occurred${why}`);
  exchange.error = refused.code;
  if (refused !== error) exchange.error += `: ${error instanceof Error ? error.message : String(error)}`;
  return { status: refused.status, body: errorDocument(refused.code, refused.message, exchange.id) };
}

function faulty(exchange: Exchange, { status, code }: Extract<Fault, { status: number }>): Reply {
  exchange.error = code;
  return { status, body: errorDocument(code, 'A fault on purpose', exchange.id) };
}
