// Runs beside the page, so that it stays quick: makes grey values of a PNG file.

addEventListener("message", async ({ data: { number, file } }) => {
  try {
    const picture = await greys(file);
    postMessage({ number, picture }, [picture.grey.buffer]);
  } catch (error) {
    postMessage({ number, why: error.message });
  }
});

async function greys(file) {
  const bitmap = await createImageBitmap(file, {
    colorSpaceConversion: "none",
    premultiplyAlpha: "none",
  });
  const { width, height } = bitmap;
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const rgba = context.getImageData(0, 0, width, height).data;
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i += 1) grey[i] = rgba[4 * i];
  return { width, height, grey };
}
