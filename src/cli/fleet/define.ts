import type { Command } from 'commander';

/** The commands that look at a fleet; each is loaded only when it is called. */
export function defineFleetCommands(program: Command, examples: (...lines: string[]) => string): void {
  const fleet = atState(
    program
      .command('fleet')
      .description('who is there and how they are, by what instances write into the state')
      .argument('<bucket>', 's3://bucket, its state (s3://bucket/.haulout), or a role in it (s3://bucket/planet)'),
  )
    .option('--all', 'with instances that have said goodbye')
    .option('--wide', 'more columns, and lines of any length')
    .option('--exit-code', 'exit 2 when one of them is not well')
    .option('--json', 'print the fleet as JSON')
    .addHelpText(
      'after',
      examples('haulout fleet s3://bucket', 'haulout fleet s3://bucket --role planet --exit-code > table.txt'),
    )
    .action(async (bucket: string, options) => {
      const list = await import('./list.ts');
      process.exitCode = await list.fleet(bucket, options);
    });

  atState(
    fleet
      .command('watch')
      .description('the same, kept up to date: in place on a terminal, else a line for each change'),
  )
    .option('--interval <duration>', 'how often to look', '5s')
    .option('--json', 'one JSON object for each change')
    .addHelpText('after', examples('haulout fleet watch s3://bucket', 'haulout fleet watch s3://bucket --json'))
    .action(async (bucket: string, options) => {
      const { watchFleet } = await import('./watch.ts');
      process.exitCode = await watchFleet(bucket, options);
    });

  atState(
    fleet
      .command('page')
      .description('one HTML page of it, with details: no script and no request of it goes anywhere'),
  )
    .option('--out <file>', 'write it there, whole')
    .option('--upload <address>', 'write it to s3://bucket/KEY')
    .addHelpText(
      'after',
      examples(
        'haulout fleet page s3://bucket > fleet.html',
        'haulout fleet page s3://bucket --upload s3://bucket/.haulout/fleet.html',
      ),
    )
    .action(async (bucket: string, options) => {
      const { fleetPage } = await import('./page.ts');
      process.exitCode = await fleetPage(bucket, options);
    });

  atState(fleet.command('metrics').description('the same for Prometheus, as text'))
    .option('--out <file>', 'write it there, whole: for the textfile collector of node_exporter')
    .addHelpText(
      'after',
      examples(
        'haulout fleet metrics s3://bucket',
        'haulout fleet metrics s3://bucket --out /var/lib/node_exporter/haulout.prom',
      ),
    )
    .action(async (bucket: string, options) => {
      const { fleetMetrics } = await import('./metrics.ts');
      process.exitCode = await fleetMetrics(bucket, options);
    });

  const explain = program
    .command('explain')
    .description('why an instance is as it is: the first step that failed, its output, the last round')
    .argument('<id>', 'instance id, or as much of its beginning as no other has');
  atState(explain)
    .option('--json', 'print it as JSON, with the whole status')
    .addHelpText(
      'after',
      examples('haulout explain i-0123456789abcdef0 s3://bucket', 'haulout explain i-0123 s3://bucket --json'),
    )
    .action(async (id: string, bucket: string, options) => {
      const { explainInstance } = await import('./explain.ts');
      process.exitCode = await explainInstance(id, bucket, options);
    });
}

/** Which fleet, and how to reach it: the same words for all of them. */
function atState(command: Command): Command {
  if (command.name() !== 'fleet') command.argument('<bucket>', 's3://bucket, its state, or a role in it');
  return command
    .option('--role <name>', 'only instances of this role')
    .option('--endpoint-url <url>', 'another S3 service than Amazon')
    .option('--region <region>', 'region of the bucket')
    .option('--profile <name>', 'profile of the AWS configuration');
}
