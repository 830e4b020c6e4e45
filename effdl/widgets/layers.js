// The weights of the layers, as `effdl.widgets.layers.LayerWidget` hands them over.

/** read(model)(layer) gives the weights of a layer. */
export function read(model) {
  const values = typed(model.get("values"), Float32Array);
  const starts = [0];
  for (const length of model.get("lengths")) starts.push(starts.at(-1) + length);
  return (layer) => {
    const i = model.get("layers").indexOf(layer);
    return values.subarray(starts[i], starts[i + 1]);
  };
}

/** The largest magnitude of some weights. */
function largestOf(weights) {
  let largest = 0;
  for (const weight of weights) largest = Math.max(largest, Math.abs(weight));
  return largest;
}
