"""Registration engines of others, each by the recipe its own documentation gives for two images of one body.

Each takes the fixed and the moving volume and returns the matrix from patient coordinates of the first to those of the
second, LPS mm. elastix and ANTs are not needed by the product: ``requirements.txt`` beside this file brings
them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk  # noqa: N813

from dicomnode.sdk import Volume
from dicomnode.sdk.itk import to_image
from dicomnode_plugins._imaging.registration import register

Matrix = npt.NDArray[np.float64]
Engine = Callable[[Volume, Volume], Matrix]


def own(fixed: Volume, moving: Volume) -> Matrix:
    """The product's."""
    return register(fixed, moving).matrix


def documented(fixed: Volume, moving: Volume) -> Matrix:
    """SimpleITK's notebook 60, Registration Introduction: middles laid on each other, then Mattes' information."""
    images = to_image(fixed), to_image(moving)
    start = sitk.CenteredTransformInitializer(
        *images, sitk.Euler3DTransform(), sitk.CenteredTransformInitializerFilter.GEOMETRY
    )
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=50)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.01, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescent(
        learningRate=1.0, numberOfIterations=100, convergenceMinimumValue=1e-6, convergenceWindowSize=10
    )
    return _multilevel(method, start, *images)


def second_opinion(fixed: Volume, moving: Volume) -> Matrix:
    """SimpleITK where both fields of view hold the same: Mattes' information on cubes of 2 mm, two starts.

    It shares nothing with the product's engine: neither measure, nor samples, nor optimiser, nor start.
    """
    images = _cubes(to_image(fixed)), _cubes(to_image(moving))
    initial, middle = sitk.CenteredTransformInitializer, sitk.CenteredTransformInitializerFilter
    starts = [initial(*images, sitk.Euler3DTransform(), middle.MOMENTS), sitk.Euler3DTransform()]
    starts[1].SetCenter(images[0].TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in images[0].GetSize()]))
    body = sitk.BinaryDilate(sitk.OtsuThreshold(images[0], 0, 1), (2, 2, 2))
    tries = []
    for start in starts:
        method = sitk.ImageRegistrationMethod()
        method.SetMetricAsMattesMutualInformation(numberOfHistogramBins=32)
        method.SetMetricSamplingStrategy(method.REGULAR)
        method.SetMetricSamplingPercentage(0.1, 1)
        method.SetMetricFixedMask(body)
        method.SetInterpolator(sitk.sitkLinear)
        # Steps in mm; a line search runs away from partly overlapping volumes.
        method.SetOptimizerAsRegularStepGradientDescent(2.0, 1e-3, 200, 0.6)
        matrix = _multilevel(method, start, *images)
        tries.append((method.GetMetricValue(), matrix))
    return min(tries, key=lambda entry: entry[0])[1]


def _cubes(image: sitk.Image, side: float = 2.0) -> sitk.Image:
    """The image on cubes, smoothed first where it is finer."""
    finer = [max(side / spacing, 1.0) for spacing in image.GetSpacing()]
    sigmas = [0.42 * side if n > 1 else 1e-3 for n in finer]
    size = [max(1, round(n * s / side)) for n, s in zip(image.GetSize(), image.GetSpacing(), strict=True)]
    smooth = sitk.DiscreteGaussian(image, [s * s for s in sigmas])
    return sitk.Resample(
        smooth, size, sitk.Transform(), sitk.sitkLinear, image.GetOrigin(), (side,) * 3, image.GetDirection()
    )


def _multilevel(method: sitk.ImageRegistrationMethod, start: sitk.Transform, *images: sitk.Image) -> Matrix:
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
    method.SetInitialTransform(start, inPlace=False)
    return matrix_of(method.Execute(*images))


def elastix(fixed: Volume, moving: Volume) -> Matrix:
    """itk-elastix: its default rigid parameters, four levels, middles laid on each other."""
    import itk

    images = []
    for volume in (fixed, moving):
        image = itk.image_from_array(volume.array)
        spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
        image.SetOrigin(volume.affine[:3, 3].tolist())
        image.SetSpacing(spacing.tolist())
        image.SetDirection(itk.matrix_from_array(np.ascontiguousarray(volume.affine[:3, :3] / spacing)))
        images.append(image)
    parameters = itk.ParameterObject.New()
    rigid = parameters.GetDefaultParameterMap("rigid", 4)
    rigid.update(
        AutomaticTransformInitialization=["true"],
        AutomaticTransformInitializationMethod=["GeometricalCenter"],
        MaximumNumberOfIterations=["500"],
        NumberOfSpatialSamples=["4096"],
        RandomSeed=["1"],
        WriteResultImage=["false"],
    )
    parameters.AddParameterMap(rigid)
    _, found = itk.elastix_registration_method(*images, parameter_object=parameters, log_to_console=False)
    last = found.GetParameterMap(0)
    euler = sitk.Euler3DTransform()
    euler.SetCenter([float(n) for n in last["CenterOfRotationPoint"]])
    euler.SetParameters([float(n) for n in last["TransformParameters"]])
    return matrix_of(euler)


def ants(fixed: Volume, moving: Volume) -> Matrix:
    """ANTsPy: ``registration`` with the transform "Rigid" and nothing else said."""
    import ants as antspy

    images = []
    for volume in (fixed, moving):
        spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
        images.append(
            antspy.from_numpy(
                np.ascontiguousarray(volume.array.transpose(2, 1, 0)),
                origin=volume.affine[:3, 3].tolist(),
                spacing=spacing.tolist(),
                direction=volume.affine[:3, :3] / spacing,
            )
        )
    with TemporaryDirectory() as folder:
        done = antspy.registration(*images, "Rigid", outprefix=f"{folder}/", random_seed=1)
        (file,) = (name for name in done["fwdtransforms"] if Path(name).suffix == ".mat")
        found = antspy.read_transform(file)
    affine = sitk.AffineTransform(3)
    affine.SetFixedParameters([float(n) for n in found.fixed_parameters])
    affine.SetParameters([float(n) for n in found.parameters])
    return matrix_of(affine)


def matrix_of(transform: sitk.Transform) -> Matrix:
    """4 x 4, of any transform that is one."""
    matrix = np.eye(4)
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    matrix[:3, 3] = origin
    for axis, unit in enumerate(np.eye(3)):
        matrix[:3, axis] = np.array(transform.TransformPoint(tuple(100 * unit))) / 100 - origin / 100
    return matrix


ENGINES: dict[str, Engine] = {
    "dicomnode": own,
    "SimpleITK, notebook": documented,
    "itk-elastix, rigid": elastix,
    "ANTsPy, Rigid": ants,
}
