import type { IncomingMessage, ServerResponse } from 'node:http';
import { onTestFinished } from 'vitest';
import { listen } from '../../src/cloud/s3/listen.ts';

/**
 * What answers the AWS CLI in tests of launch lines. It is not EC2 and not Auto Scaling: it writes down what arrives, checks
 * nothing, and answers each action with the least that the CLI goes on with. What the CLI itself finds wrong with a
 * request it never sends, and that is what these tests are for.
 */
export interface QueryApi {
  readonly url: string;
  /** Form fields of each request, in order: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/Query-Requests.html */
  readonly asked: readonly Readonly<Record<string, string>>[];
}

const INSTANCE = '<instanceId>i-0123456789abcdef0</instanceId>';
const STATE = '<instanceState><code>16</code><name>running</name></instanceState>';

const ANSWERS: Readonly<Record<string, string>> = {
  RunInstances: `<instancesSet><item>${INSTANCE}</item></instancesSet>`,
  DescribeInstances: `<reservationSet><item><instancesSet><item>${INSTANCE}${STATE}</item></instancesSet></item></reservationSet>`,
  StartInstanceRefresh:
    '<StartInstanceRefreshResult><InstanceRefreshId>r</InstanceRefreshId></StartInstanceRefreshResult>',
};

export async function startQueryApi(): Promise<QueryApi> {
  const asked: Record<string, string>[] = [];
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    let text = '';
    for await (const chunk of request.setEncoding('utf8')) text += chunk;
    const fields = Object.fromEntries(new URLSearchParams(text));
    asked.push(fields);
    const name = `${fields['Action']}Response`;
    response.writeHead(200, { 'content-type': 'text/xml' });
    response.end(`<${name}><requestId>1</requestId>${ANSWERS[fields['Action'] ?? ''] ?? ''}</${name}>`);
  };
  const { url, close } = await listen((request, response) => void serve(request, response), {
    host: '127.0.0.1',
    port: 0,
  });
  onTestFinished(close);
  return { url, asked };
}
