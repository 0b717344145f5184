#!/usr/bin/env node
import { Argument, Command, CommanderError } from 'commander';
import { asTrouble, HauloutError } from '../lib/errors.ts';
import { EXIT } from '../lib/exit.ts';
import { visible } from '../lib/log.ts';
import { version } from '../lib/version.ts';
import { defineFleetCommands } from './fleet/define.ts';
import { defineMachineCommands } from './launch/define.ts';
import { sdkTrouble } from './sdk-trouble.ts';
import { say } from './talk.ts';

const EXIT_CODES = `
Exit codes: 0 done, 1 failed, 2 differences or problems found, 64 usage, 69 unavailable, 75 try again,
77 not permitted, 78 bad configuration, 130 interrupted.
`;

// A reader that went away (`| head`) takes no more: that is no failure. `try` hears of it too, and ends.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** The operator's program. Each command is a file of its own, loaded only when it is called. */
const program = new Command('haulout');
// Before any command is added: commands inherit these only as they are made.
// Positional: a flag after `fleet watch` is that of `watch`, though `fleet` has it too.
program
  .exitOverride()
  .enablePositionalOptions()
  .showSuggestionAfterError(true)
  .configureHelp({ sortSubcommands: false });

program
  .description('Boots and keeps cloud machines from a bucket. Upload a file: every live host changes.')
  .version(version)
  .addHelpText(
    'after',
    examples(
      'haulout init planet && haulout try planet',
      'haulout lint planet',
      'haulout userdata s3://bucket/planet > bootstrap.js',
      'aws ec2 run-instances --user-data file://bootstrap.js ...',
    ) + EXIT_CODES,
  );

program
  .command('try')
  .description('boot a throw-away instance from a directory, on this machine, without an account')
  .argument('[dir...]', 'directories with a haulout.ini; one instance each')
  .option('--once', 'boot, converge, sync again and prove it a no-op, terminate')
  .option('--events', 'one JSON object a line on stdout, and nothing else there')
  .option('--schedule <cron>', 'when the agent looks at the bucket', '*/2 * * * * *')
  .option('--port <n>', "local port that leads to the instance's first service port (default: a free one)")
  .option('--keep [dir]', "leave the instance's disk there when it ends (default: ./haulout-disk-ROLE)")
  .option('--user-data <file>', 'boot another script instead of ours')
  .option('--exec <cmd>', 'run it in the instance when that is ready, and exit with its code')
  .option(
    '--metadata <dialect>',
    'speak like the metadata service of another cloud: eucalyptus-4, openstack ...',
    'aws',
  )
  .option('--root <dir>', "another root file system than this machine's own")
  .option('--upgrade', 'let `upgrade = boot` upgrade all packages, as a real first boot does')
  .option('--timeout <duration>', 'how long --once and --exec wait for the instance', '20m')
  .addHelpText(
    'after',
    examples(
      'haulout try planet',
      'haulout try planet --once --events',
      'haulout try planet --exec "haulout status"',
      'haulout try planet --keep /var/tmp/disks',
    ),
  )
  .action(async (directories: string[], options) => {
    const { tryDirectories } = await import('./try/command.ts');
    process.exitCode = await tryDirectories(directories, options);
  });

program
  .command('cloud')
  .description('the local cloud by itself: S3 and EC2 endpoints for any client, until Ctrl-C')
  .option('--bucket <name>', 'make a bucket; may be given again', again)
  .option('--mirror <dir=address>', 'hold a directory as s3://bucket/prefix; may be given again', again)
  .option('--s3-port <n>', 'local port of the S3 endpoint (default: a free one)')
  .option('--ec2-port <n>', 'local port of the EC2 endpoint (default: a free one)')
  .option('--address-ports <list>', 'ports of an elastic IP that lead to its instance', '80,443,8080')
  .option('--region <region>', 'what the cloud calls its region', 'us-east-1')
  .option('--json', 'print endpoints and keys as JSON, not as lines for a shell')
  .addHelpText(
    'after',
    examples(
      'haulout cloud --bucket demo > cloud.env & sleep 3; . ./cloud.env',
      'haulout cloud --mirror planet=s3://demo/planet --s3-port 9000 --ec2-port 9001',
      'aws --endpoint-url "$AWS_ENDPOINT_URL_EC2" ec2 describe-instances',
    ),
  )
  .action(async (options) => {
    const { cloud } = await import('./cloud/command.ts');
    process.exitCode = await cloud(options);
  });

program
  .command('init')
  .description('write a commented haulout.ini and sample hooks, ready for `try`')
  .argument('[dir]', 'where', '.')
  .option('--json', 'print what was written as JSON')
  .addHelpText('after', examples('haulout init planet && haulout try planet'))
  .action(async (directory: string, options) => {
    const { init } = await import('./init.ts');
    process.exitCode = await init(directory, options);
  });

program
  .command('lint')
  .description('every mistake of a directory at once, with line and column')
  .argument('[dir]', 'directory with a haulout.ini', '.')
  .option('--json', 'print the findings as JSON')
  .addHelpText('after', examples('haulout lint planet', 'haulout lint planet --json'))
  .action(async (directory: string, options) => {
    const { lint } = await import('./lint.ts');
    process.exitCode = await lint(directory, options);
  });

program
  .command('plan')
  .description('what a fresh instance would do with a directory, or what a live one would')
  .argument('[dir]', 'directory with a haulout.ini', '.')
  .option('--against <id>', 'compare with what this live instance says of itself')
  .option('--state <address>', 'where instances write their status (s3://bucket/prefix)')
  .option('--endpoint-url <url>', 'another S3 service than Amazon')
  .option('--region <region>')
  .option('--profile <name>', 'profile of the AWS configuration')
  .option('--exit-code', 'exit 2 when there is anything to do')
  .option('--json', 'print the plan as JSON')
  .addHelpText(
    'after',
    examples('haulout plan planet', 'haulout plan planet --against i-0123456789abcdef0 --state s3://bucket/.haulout'),
  )
  .action(async (directory: string, options) => {
    const { plan } = await import('./plan.ts');
    process.exitCode = await plan(directory, options);
  });

program
  .command('userdata')
  .description('upload the agent and print the script to launch instances with')
  .argument('<bucket>', 's3://bucket/prefix of the role')
  .option('--format <format>', 'raw, gzip or mime', 'raw')
  .option('--role <name>', 'what the instances are for (default: last part of the prefix)')
  .option('--state <address>', 'where instances write (default: s3://bucket/.haulout)')
  .option('--settle <duration>', 'how long the bucket must be quiet before it is taken (default: 5s)')
  .option('--owner <id>', "account that must own the bucket (12 digits); a stranger's is refused")
  .option('--anonymous', 'instances read the bucket without signing')
  .option('--runtime <list>', 'x64=SHA,arm64=SHA or none (default: what `haulout runtime add` put there last)')
  .option('--platform <name>', 'whose limit the script must keep', 'ec2')
  .option('--limit <bytes>', 'another limit')
  .option('--embed', 'the whole agent in the script, where so much user-data is taken')
  .option('--endpoint-url <url>', 'another S3 service than Amazon')
  .option('--instance-endpoint-url <url>', 'the same service as instances reach it, where that differs')
  .option('--region <region>', 'region of the bucket')
  .option('--profile <name>', 'profile of the AWS configuration')
  .option('--into <file>', 'print this launch file (of userdata/, or your own) with the script in it')
  .option('--dry-run', 'print the script, upload nothing')
  .option('--json', 'print size, headroom and settings as JSON, with the script in it')
  .addHelpText(
    'after',
    examples(
      'haulout userdata s3://bucket/planet > bootstrap.js',
      'haulout userdata s3://bucket/planet --format gzip > bootstrap.js.gz',
      'haulout userdata s3://bucket/planet --into userdata/ec2/launch-template.json > planet.json',
      'haulout userdata s3://bucket/planet --endpoint-url https://walrus.example --dry-run',
    ),
  )
  .action(async (bucket: string, options) => {
    const { userdata } = await import('./userdata.ts');
    process.exitCode = await userdata(bucket, options);
  });

program
  .command('runtime')
  .description('put a Node into the state for machines that have none')
  .addArgument(new Argument('<action>').choices(['add']))
  .argument('<bucket>', 's3://bucket/prefix of the role')
  .requiredOption(
    '--from <file|version>',
    'a Node, an archive of one (.tar.gz, .tar.xz, .tgz), or a version to fetch by npm',
  )
  .option('--arch <list>', 'x64, arm64 or both, for a version (default: x64)')
  .option('--state <address>', 'where instances write (default: s3://bucket/.haulout)')
  .option('--endpoint-url <url>', 'another S3 service than Amazon')
  .option('--region <region>', 'region of the bucket')
  .option('--profile <name>', 'profile of the AWS configuration')
  .option('--dry-run', 'pack it, upload nothing')
  .option('--json', 'print digests, sizes and settings as JSON')
  .addHelpText(
    'after',
    examples(
      'haulout runtime add s3://bucket/planet --from 24 --arch x64,arm64',
      'haulout runtime add s3://bucket/planet --from node-v24.21.0-linux-x64.tar.xz',
    ),
  )
  .action(async (_action: string, bucket: string, options) => {
    const { addRuntimes } = await import('./runtime/add.ts');
    process.exitCode = await addRuntimes(bucket, options);
  });

program
  .command('doctor')
  .description('what is wrong with a bucket, seen from here, and what to do about it')
  .argument('<bucket>', 's3://bucket/prefix of the role')
  .option('--policy <whom>', 'print the least IAM policy instead: for an instance, or for the desk')
  .option('--owner <account>', 'the account that should own the bucket')
  .option('--role <name>', 'what the instances are for (default: last part of the prefix)')
  .option('--state <address>', 'where instances write (default: s3://bucket/.haulout)')
  .option('--endpoint-url <url>', 'another S3 service than Amazon')
  .option('--region <region>', 'region of the bucket')
  .option('--profile <name>', 'profile of the AWS configuration')
  .option('--json', 'print the findings as JSON')
  .addHelpText(
    'after',
    examples(
      'haulout doctor s3://bucket/planet',
      'haulout doctor s3://bucket/planet --endpoint-url https://walrus.example --json',
      'haulout doctor s3://bucket/planet --policy instance > policy.json',
    ),
  )
  .action(async (bucket: string, options) => {
    const { doctor } = await import('./doctor/command.ts');
    process.exitCode = await doctor(bucket, options);
  });

defineMachineCommands(program, examples);
defineFleetCommands(program, examples);
// The agent's hints name commands of the machine, and are read at the desk as well.
for (const name of ['status', 'sync', 'logs', 'service', 'shutdown']) {
  program
    .command(name, { hidden: true })
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      throw new HauloutError({
        code: 'usage',
        step: 'haulout',
        subject: name,
        reason: 'this is a command on a machine, not on the desk',
        hint: 'run it there; from here: haulout explain ID s3://bucket, or haulout try DIR --exec "haulout status"',
      });
    });
}
sayWhatNext(program);

/** Commander's own refusals end with what to do, too. */
function sayWhatNext(command: Command, path = ''): void {
  const name = `${path}${command.name()}`;
  command
    .configureOutput({
      outputError: (text, write) => write(visible(text.replace(/^error:/, 'haulout:').replace('\n(', ' ('))),
    })
    .showHelpAfterError(`haulout: next: ${name} --help`);
  for (const below of command.commands) sayWhatNext(below, `${name} `);
}

/** For an option that may be given several times. */
function again(word: string, before: readonly string[] = []): readonly string[] {
  return [...before, word];
}

function examples(...lines: string[]): string {
  return `\nExamples:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = codeOf(error);
}

function codeOf(thrown: unknown): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.done : EXIT.usage;
  const error = sdkTrouble(thrown) ?? thrown;
  const { code, step, subject, reason, hint } = asTrouble(error, 'haulout', process.argv[2] ?? '');
  say(`${step}: ${subject}: ${reason}`, `next: ${hint}`);
  if (!(error instanceof HauloutError)) return EXIT.failed;
  if (code === 'usage') return EXIT.usage;
  if (code === 'not-permitted') return EXIT.notPermitted;
  if (code === 'bad-configuration') return EXIT.badConfiguration;
  return error.step === 'bucket' || error.step === 'metadata' ? EXIT.unavailable : EXIT.failed;
}
