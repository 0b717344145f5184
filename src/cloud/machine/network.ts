import { command } from './command.ts';

/*
 * The network of the local cloud, as a VPC looks from inside: each instance has a cable to the cloud's namespace, which routes
 * between them and answers ARP for all. There is no uplink. A bridge would let an instance speak from its neighbour's address;
 * with routes, the reverse path filter makes the source address say who asks, which the metadata service relies on.
 */

export const GATEWAY_ADDRESS = '10.77.0.1';
export const METADATA_ADDRESS = '169.254.169.254';
const PREFIX = 24;
const FIRST_HOST = 10;
const LAST_HOST = 254;

export interface Cable {
  readonly address: string;
  readonly mac: string;
}

/** The next address after `last` that is not in use; undefined when all are. */
export function nextCable(last: Cable | undefined, inUse: ReadonlySet<string>): Cable | undefined {
  const count = LAST_HOST - FIRST_HOST + 1;
  const start = last === undefined ? 0 : lastByte(last.address) - FIRST_HOST + 1;
  for (let step = 0; step < count; step++) {
    const host = FIRST_HOST + ((start + step) % count);
    const cable = { address: `10.77.0.${host}`, mac: `02:00:0a:4d:00:${host.toString(16).padStart(2, '0')}` };
    if (!inUse.has(cable.address)) return cable;
  }
  return undefined;
}

/** Whether an instance may have this address. */
export function isInstanceAddress(address: string): boolean {
  const host = lastByte(address);
  return address === `10.77.0.${host}` && host >= FIRST_HOST && host <= LAST_HOST;
}

const CLOUD_SETTINGS = `set -eu
echo 1 > /proc/sys/net/ipv4/ip_forward
for scope in all default; do
  echo 1 > "/proc/sys/net/ipv4/conf/$scope/rp_filter"
  echo 1 > "/proc/sys/net/ipv4/conf/$scope/proxy_arp"
done`;

/** Prepares the cloud's namespace, the one of process `cloud`. */
export async function layCloud(cloud: number): Promise<void> {
  await command('network', ['nsenter', `--net=/proc/${cloud}/ns/net`, '/bin/sh', '-c', CLOUD_SETTINGS]);
  await ip(cloud, [
    'link set lo up',
    `addr add ${METADATA_ADDRESS}/32 dev lo`,
    `addr add ${GATEWAY_ADDRESS}/32 dev lo`,
  ]);
}

/** Connects the namespace of process `instance`; both ends disappear with it. */
export async function plug(cloud: number, instance: number, cable: Cable): Promise<void> {
  const device = deviceOf(cable);
  await ip(cloud, [
    `link add ${device} type veth peer name eth0 address ${cable.mac} netns ${instance}`,
    `link set ${device} up`,
    `route add ${cable.address}/32 dev ${device} src ${GATEWAY_ADDRESS}`,
  ]);
  await ip(instance, [
    'link set lo up',
    `addr add ${cable.address}/${PREFIX} dev eth0`,
    'link set eth0 up',
    `route add default via ${GATEWAY_ADDRESS}`,
  ]);
}

/** The kernel takes the cable away with the namespace, but some time later: until then the address could not be used again. */
export async function unplug(cloud: number, cable: Cable): Promise<void> {
  const device = deviceOf(cable);
  const script = `[ ! -e "/proc/sys/net/ipv4/conf/$0" ] || ip link del "$0" || [ ! -e "/proc/sys/net/ipv4/conf/$0" ]`;
  await command('network', ['nsenter', `--net=/proc/${cloud}/ns/net`, '/bin/sh', '-c', script, device]);
}

function deviceOf(cable: Cable): string {
  return `i${lastByte(cable.address)}`;
}

function lastByte(address: string): number {
  return Number(address.slice(address.lastIndexOf('.') + 1));
}

async function ip(process: number, orders: readonly string[]): Promise<void> {
  const argv = ['nsenter', `--net=/proc/${process}/ns/net`, 'ip', '-batch', '-'] as const;
  await command('network', argv, { input: `${orders.join('\n')}\n` });
}
