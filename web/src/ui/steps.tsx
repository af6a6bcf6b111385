// Where one is in a wizard. Steps that may be gone to are buttons.
export function StepList({ label, names, at, go }: { label: string; names: string[]; at: number; go: (step: number) => void }) {
  return (
    <ol className="steps" aria-label={label}>
      {names.map((name, i) => (
        <li key={name} aria-current={i === at ? "step" : undefined}>
          {i < at ? (
            <button type="button" onClick={() => go(i)}>
              {name}
            </button>
          ) : (
            name
          )}
        </li>
      ))}
    </ol>
  );
}
