import http from 'node:http';
import { type Finding, fail, ok, warn } from './finding.ts';

const BASE = 'http://169.254.169.254';
const LIMIT_MS = 1_500;
const HOPS = 'aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2';

/** Status of an answer, or undefined where none came in time. */
type Came = number | undefined;

/** Whether a program here, such as in a container of an instance, reaches the metadata service. */
export async function metadata(): Promise<readonly Finding[]> {
  const [token, plain] = await Promise.all([
    knock('PUT', '/latest/api/token', { 'x-aws-ec2-metadata-token-ttl-seconds': '60' }),
    knock('GET', '/latest/meta-data/instance-id', {}),
  ]);
  return [told(token, plain)];
}

function told(token: Came, plain: Came): Finding {
  const name = 'metadata';
  if (token === undefined && plain === undefined) return ok(name, 'not an instance: nobody answers at 169.254.169.254');
  // The answer to a PUT has a hop limit of its own: behind one hop more it never arrives, and the GET's does.
  if (token === undefined) return fail(name, 'no token arrives, other answers do: the hop limit is too small', HOPS);
  if (token === 200)
    return ok(name, `an instance; tokens are given${plain === 200 ? ' and not required' : ' and required'}`);
  if (token === 404 || token === 405) return ok(name, 'an instance of a cloud without tokens');
  return warn(name, `the metadata service refuses a token (${token})`, 'enable it: HttpEndpoint=enabled');
}

function knock(method: string, path: string, headers: Record<string, string>): Promise<Came> {
  const url = new URL(path, process.env['HAULOUT_METADATA'] ?? BASE);
  return new Promise((resolve) => {
    const request = http.request(url, { method, headers, agent: false }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    const deadline = setTimeout(() => request.destroy(), LIMIT_MS);
    request.on('close', () => {
      clearTimeout(deadline);
      resolve(undefined);
    });
    request.on('error', () => undefined);
    request.end();
  });
}
