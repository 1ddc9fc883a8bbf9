//! A sweep as a chart: speed against size on logarithmic axes, legible in black and white.

use plotters::coord::Shift;
use plotters::prelude::*;

use super::quantity::scaled;
use crate::cli::size;
use crate::lab::Mode;
use crate::lab::client::{Point, SIZES};

const WIDTH: u32 = 960;
const HEIGHT: u32 = 640;

/// The radius of a mark, in pixels.
const MARK_RADIUS: i32 = 5;

/// One curve.
struct Curve {
    name: &'static str,
    connect: Mode,
    nagle: bool,
    color: RGBColor,
    mark: Mark,
}

#[derive(Clone, Copy)]
enum Mark {
    Disc,
    Ring,
    Triangle,
    Cross,
}

/// The curves differ by mark and by brightness, not by hue alone.
const CURVES: [Curve; 4] = [
    Curve {
        name: "one connection, Nagle off",
        connect: Mode::Kept,
        nagle: false,
        color: RGBColor(0, 70, 140),
        mark: Mark::Disc,
    },
    Curve {
        name: "one connection, Nagle on",
        connect: Mode::Kept,
        nagle: true,
        color: RGBColor(90, 160, 220),
        mark: Mark::Ring,
    },
    Curve {
        name: "reopened for each write, Nagle off",
        connect: Mode::Reopened,
        nagle: false,
        color: RGBColor(170, 50, 0),
        mark: Mark::Triangle,
    },
    Curve {
        name: "reopened for each write, Nagle on",
        connect: Mode::Reopened,
        nagle: true,
        color: RGBColor(240, 150, 60),
        mark: Mark::Cross,
    },
];

/// Draws the SVG.
///
/// # Errors
/// When the chart cannot be drawn; the sentence says why.
pub(super) fn draw(points: &[Point], peer: &str) -> Result<String, String> {
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, (WIDTH, HEIGHT)).into_drawing_area();
    chart(&root, points, peer).map_err(|error| format!("the picture cannot be drawn: {error}"))?;
    drop(root);
    Ok(text)
}

/// The legend, in the corner where no curve is.
fn legend<'a>(root: &DrawingArea<SVGBackend<'a>, Shift>) -> Outcome<'a> {
    const CORNER: (i32, i32) = (610, 446);
    const ROW: i32 = 25;
    let (left, top) = CORNER;
    let (width, height) = (300, ROW * 4 + 12);
    for style in [WHITE.filled(), BLACK.mix(0.4).stroke_width(1)] {
        let corners = [(left, top), (left + width, top + height)];
        root.draw(&Rectangle::new(corners, style))?;
    }
    for (curve, row) in CURVES.iter().zip(0..) {
        let (x, y) = (left + 12, top + 18 + ROW * row);
        let (plain, filled) = (curve.color.stroke_width(2), curve.color.filled());
        root.draw(&PathElement::new([(x, y), (x + 32, y)], plain))?;
        let at = (x + 16, y);
        match curve.mark {
            Mark::Disc => root.draw(&Circle::new(at, MARK_RADIUS, filled))?,
            Mark::Ring => root.draw(&Circle::new(at, MARK_RADIUS, plain))?,
            Mark::Triangle => root.draw(&TriangleMarker::new(at, MARK_RADIUS + 2, filled))?,
            Mark::Cross => root.draw(&Cross::new(at, MARK_RADIUS, plain))?,
        }
        let font = ("sans-serif", 15).into_font();
        root.draw(&Text::new(curve.name, (x + 42, y - 7), font))?;
    }
    Ok(())
}

/// The label of a grid line, which is always a power of ten.
fn per_second(speed: f64) -> String {
    let rounded_up = speed * 1.000_001;
    let (value, prefix) = scaled(rounded_up);
    format!("{value:.0} {prefix}B/s")
}

/// The speed of a point that was confirmed, on an axis that has no zero.
fn speed(point: &Point) -> Option<f64> {
    point.measured.speed().map(|speed| speed.max(1.0))
}

type Outcome<'a> = Result<(), Box<dyn std::error::Error + 'a>>;

fn chart<'a>(
    root: &DrawingArea<SVGBackend<'a>, Shift>,
    points: &[Point],
    peer: &str,
) -> Outcome<'a> {
    root.fill(&WHITE)?;
    let speeds = || points.iter().filter_map(speed);
    let least = speeds().fold(f64::INFINITY, f64::min);
    let most = speeds().fold(10.0, f64::max);
    // From power of ten to power of ten, so that every grid line has a label.
    let bottom = 10_f64.powf(least.min(most).log10().floor());
    let top = 10_f64.powf(most.log10().ceil());
    let (first, last) = (0.7, 1.5e6);
    let mut chart = ChartBuilder::on(root)
        .caption(
            format!("Speed against the size of a write, to {peer}"),
            ("sans-serif", 24),
        )
        .margin(16)
        .margin_right(28)
        .x_label_area_size(56)
        .y_label_area_size(96)
        .build_cartesian_2d(
            (first..last)
                .log_scale()
                .with_key_points(SIZES.map(|size| size as f64).to_vec()),
            (bottom..top).log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("bytes in each write")
        .y_desc("bytes a second")
        .x_labels(SIZES.len())
        .x_label_formatter(&|size| size::show(size.round() as usize))
        .y_label_formatter(&|speed| per_second(*speed))
        .axis_desc_style(("sans-serif", 18))
        .label_style(("sans-serif", 15))
        .bold_line_style(BLACK.mix(0.25))
        .light_line_style(BLACK.mix(0.07))
        .draw()?;
    for curve in &CURVES {
        let its = points
            .iter()
            .filter(|point| (point.connect, point.nagle) == (curve.connect, curve.nagle));
        let its: Vec<(f64, f64)> = its
            .filter_map(|point| Some((point.size as f64, speed(point)?)))
            .collect();
        let Curve { color, mark, .. } = *curve;
        chart.draw_series(LineSeries::new(its.clone(), color.stroke_width(2)))?;
        let (plain, filled) = (color.stroke_width(2), color.filled());
        let its = its.into_iter();
        match mark {
            Mark::Disc => chart.draw_series(its.map(|at| Circle::new(at, MARK_RADIUS, filled)))?,
            Mark::Ring => chart.draw_series(its.map(|at| Circle::new(at, MARK_RADIUS, plain)))?,
            Mark::Triangle => {
                chart.draw_series(its.map(|at| TriangleMarker::new(at, MARK_RADIUS + 2, filled)))?
            }
            Mark::Cross => chart.draw_series(its.map(|at| Cross::new(at, MARK_RADIUS, plain)))?,
        };
    }
    legend(root)?;
    root.present()?;
    Ok(())
}
