/** https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html */
const CODES = { pending: 0, running: 16, 'shutting-down': 32, terminated: 48, stopping: 64, stopped: 80 } as const;

export type StateName = keyof typeof CODES;

export function stateFields(name: StateName): { readonly code: number; readonly name: StateName } {
  return { code: CODES[name], name };
}
