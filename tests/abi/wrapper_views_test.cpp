// Views of objects that look like std::span, std::mdspan or Eigen's matrices: small types that have just the members that
// lanefold.hpp asks for, and the real ones where they are installed.
#include <doctest/doctest.h>

#include <lanefold/lanefold.hpp>

#include <array>
#include <string>
#include <vector>
#if __has_include(<Eigen/Core>)
#include <Eigen/Core>
#endif
#if __has_include(<span>) && __cplusplus > 201703L
#include <span>
#endif
#if __has_include(<mdspan>) && __cplusplus > 202002L
#include <mdspan>
#endif

namespace {

using namespace lanefold;

// Like std::span<T>: the elements can be written even if the span itself is constant.
template <class T> struct Span {
  T *first;
  size_t count;
  T *data() const { return first; }
  size_t size() const { return count; }
};

// Like std::mdspan<T, dextents<int, 2>, layout_stride>.
template <class T, size_t Rank = 2> struct Mdspan {
  T *first;
  std::array<int, Rank> extents, strides;
  static constexpr size_t rank() { return Rank; }
  T *const &data_handle() const { return first; }
  int extent(size_t r) const { return extents[r]; }
  int stride(size_t r) const { return strides[r]; }
};

// Like Eigen::Map<T>, stored by rows or by columns, with an outer and an inner stride.
template <class T, bool ByRows, bool IsVector = false> struct Map {
  enum { IsRowMajor = ByRows, IsVectorAtCompileTime = IsVector };
  T *first;
  int row_count, column_count, outer, inner = 1;
  T *data() const { return first; }
  int rows() const { return row_count; }
  int cols() const { return column_count; }
  int size() const { return row_count * column_count; }
  int outerStride() const { return outer; }
  int innerStride() const { return inner; }
};

template <class From, class To> constexpr bool converts = std::is_convertible_v<From, To>;

// Only what is certain to be wrong is refused when the program is compiled.
static_assert(converts<Span<float>, VectorView<float>> && converts<Span<float> &, ConstVector>);
static_assert(!converts<Span<const float>, VectorView<float>> && !converts<Span<double>, ConstVector>);
static_assert(converts<std::vector<float> &, VectorView<float>> && converts<const std::vector<float> &, ConstVector>);
static_assert(!converts<const std::vector<float> &, VectorView<float>> && !converts<Span<float>, Matrix>);
static_assert(converts<std::nullptr_t, ConstVector> && !converts<float *, ConstVector>);
static_assert(converts<Mdspan<float>, Matrix> && converts<Mdspan<float>, ConstMatrix> &&
              converts<Mdspan<float>, Operand>);
static_assert(!converts<Mdspan<const float>, Matrix> && !converts<Mdspan<double>, ConstMatrix>);
static_assert(!converts<Mdspan<float>, VectorView<float>> && converts<Mdspan<float, 1>, VectorView<float>>);
static_assert(!converts<Mdspan<float, 1>, Matrix> && !converts<Mdspan<float, 3>, Matrix>);
static_assert(converts<Map<float, true>, Matrix> && converts<Map<float, true>, Operand>);
static_assert(!converts<Map<float, false>, Matrix> && !converts<Map<float, false>, ConstMatrix>);
static_assert(converts<Map<float, false>, Operand> && !converts<Map<double, false>, Operand>);
static_assert(!converts<Map<float, false>, ConstVector> && converts<Map<float, false, true>, ConstVector>);
static_assert(converts<Map<float, false, true>, Matrix>);

// A temporary owner can be read, but not written.  Temporary spans and maps own nothing.
static_assert(converts<std::vector<float>, ConstVector> && !converts<std::vector<float>, VectorView<float>>);
static_assert(converts<std::array<float, 3> &, VectorView<float>> &&
              !converts<std::array<float, 3>, VectorView<float>>);
static_assert(converts<const Span<float>, VectorView<float>> && converts<const Map<float, true>, Matrix>);
static_assert(converts<DenseLayer &, LayerView> && !converts<DenseLayer, LayerView>);
static_assert(converts<const DenseLayer &, ConstLayerView> && !converts<const DenseLayer &, LayerView>);
static_assert(converts<DenseLayer, ConstLayerView> && converts<LayerView, ConstLayerView>);
static_assert(!converts<ConstLayerView, LayerView> && !converts<ConstBatchNormView, BatchNormView>);
static_assert(converts<BatchNorm &, BatchNormView> && !converts<BatchNorm, BatchNormView>);
static_assert(converts<const BatchNorm, ConstBatchNormView> && !converts<const BatchNorm &, BatchNormView>);
static_assert(converts<DenseGradients &, GradientView> && !converts<DenseGradients, GradientView>);
static_assert(std::is_nothrow_constructible_v<ConstMatrix, const float *, int64_t, int64_t>);
static_assert(std::is_nothrow_constructible_v<ConstMatrix, Matrix> && std::is_nothrow_constructible_v<Operand, Matrix>);

// The message of the Error that a call throws; "" if it throws none.
template <class Run> std::string error_of(const Run &run) {
  try {
    run();
  } catch (const Error &error) {
    CHECK(error.status == LF_INVALID_ARGUMENT);
    return error.what();
  }
  return "";
}

// a is 2 x 3, b is 3 x 2, and c = a b.
constexpr float by_rows[] = {1, 2, 3, /**/ 4, 5, 6}, by_columns[] = {1, 4, 2, 5, 3, 6};
constexpr float b_by_rows[] = {1, -1, /**/ 0, 2, /**/ 3, 1}, b_by_columns[] = {1, 0, 3, /**/ -1, 2, 1};
const std::vector<float> product = {10, 6, 22, 12};

} // namespace

TEST_CASE("an operand is stored by rows or by columns, and says so") {
  const Operand row_major = Mdspan<const float>{by_rows, {2, 3}, {3, 1}};
  CHECK(!row_major.is_transposed);
  CHECK(row_major.stored.stride == 3);
  const Operand column_major = Mdspan<const float>{by_columns, {2, 3}, {1, 2}};
  CHECK(column_major.is_transposed);
  CHECK(column_major.rows() == 2);
  CHECK(column_major.columns() == 3);
  CHECK(column_major.stored.stride == 2);
  CHECK(column_major.stored.step == 1);
  const Operand eigen = Map<const float, false>{by_columns, 2, 3, 2};
  CHECK(eigen.is_transposed);
  CHECK(eigen.rows() == 2);
  CHECK(!transpose(eigen).is_transposed);
  CHECK(transpose(eigen).rows() == 3);
}

TEST_CASE("sgemm and packed weights take every order of both operands") {
  const Context context(1);
  const Operand as[] = {Mdspan<const float>{by_rows, {2, 3}, {3, 1}}, Mdspan<const float>{by_columns, {2, 3}, {1, 2}},
                        Map<const float, true>{by_rows, 2, 3, 3}, Map<const float, false>{by_columns, 2, 3, 2},
                        transpose(Mdspan<const float>{by_columns, {3, 2}, {2, 1}})};
  const Operand bs[] = {Mdspan<const float>{b_by_rows, {3, 2}, {2, 1}},
                        Mdspan<const float>{b_by_columns, {3, 2}, {1, 3}},
                        Map<const float, false>{b_by_columns, 3, 2, 3}};
  for (const Operand &a : as)
    for (const Operand &b : bs) {
      std::vector<float> c(4);
      context.sgemm(a, b, Mdspan<float>{c.data(), {2, 2}, {2, 1}});
      CHECK(c == product);
      const PackedWeights packed = context.pack_weights(b);
      std::vector<float> y(4);
      context.dense_infer(ConstMatrix(by_rows, 2, 3), packed, {}, {}, Map<float, true>{y.data(), 2, 2, 2});
      CHECK(y == product);
      const InferenceNetwork network = context.make_network({InferenceLayer(b)});
      std::vector<float> z(4);
      context.network_infer({by_rows, 2, 3}, network, {z.data(), 2, 2});
      CHECK(z == product);
    }
}

TEST_CASE("one row, one column and no element have an order in every layout") {
  const Context context(1);
  const float x[] = {2, 9, 3, 9, 4}, w[] = {1, 10, 100};
  float c = 0;
  // A row with gaps between its elements is a column of a row-major matrix.
  context.sgemm(Mdspan<const float>{x, {1, 3}, {5, 2}}, Mdspan<const float>{w, {3, 1}, {1, 3}}, {&c, 1, 1});
  CHECK(c == 432);
  context.sgemm(Mdspan<const float>{w, {1, 3}, {1, 1}}, Mdspan<const float>{w, {3, 1}, {1, 1}}, {&c, 1, 1});
  CHECK(c == 10101);
  std::vector<float> column(3);
  context.activation_forward({LF_RELU}, Map<const float, false, true>{w, 3, 1, 3},
                             Map<float, false, true>{column.data(), 3, 1, 3});
  CHECK(column == std::vector<float>{1, 10, 100});
  context.sgemm(Mdspan<const float>{nullptr, {1, 0}, {0, 1}}, Mdspan<const float>{nullptr, {0, 1}, {1, 0}}, {&c, 1, 1});
  CHECK(c == 0);
}

TEST_CASE("an operand may be a row with gaps between its elements, or a column with any distances") {
  const Context context(1);
  const float x[] = {2, 9, 3, 9, 4}, w[] = {1, 10, 100};
  const Operand weights(w, 3, 1);
  const auto product_with = [&](const Operand &a) {
    float c = 0;
    context.sgemm(a, weights, {&c, 1, 1});
    return c;
  };
  // A row of a column-major matrix: Eigen says that it is row-major.
  CHECK(product_with(Map<const float, true, true>{x, 1, 3, 1, 2}) == 432);
  CHECK(product_with(Map<const float, false>{x, 1, 3, 2}) == 432);
  CHECK(product_with(ConstMatrix(x, 1, 3, 9, 2)) == 432);
  // A column whose only distance is that of its rows.
  CHECK(product_with(transpose(ConstMatrix(x, 3, 1, 2, 7))) == 432);
  CHECK(product_with(transpose(Map<const float, true>{x, 3, 1, 2, 7})) == 432);
  // A matrix with rows and columns exchanged is its transpose.
  const ConstMatrix b(by_rows, 2, 3);
  std::vector<float> c(4), expected(4);
  context.sgemm(b, b.exchanged(), {c.data(), 2, 2});
  context.sgemm(b, transpose(b), {expected.data(), 2, 2});
  CHECK(c == expected);
  // One element has no distances.
  std::vector<float> y(1);
  context.activation_forward({}, Map<const float, true>{x, 1, 1, 5, 7}, Map<float, true>{y.data(), 1, 1, 0, 0});
  CHECK(y[0] == 2);
  std::vector<float> column(3);
  context.activation_forward({}, ConstMatrix(x, 3, 1, 2, 7), {column.data(), 3, 1});
  CHECK(column == std::vector<float>{2, 3, 4});
  context.optimizer_step({LF_SGD, 1}, {y.data(), 1, 3}, ConstVector(x, 1, 3));
  CHECK(y[0] == 0);
}

TEST_CASE("calls that cannot transpose refuse other orders, and say which view has which") {
  const Context context(1);
  std::vector<float> y(20);
  const Mdspan<float> rows{y.data(), {2, 3}, {3, 1}}, columns{y.data(), {2, 3}, {1, 2}}, gaps{y.data(), {2, 3}, {6, 2}};
  const Activation relu{LF_RELU};
  CHECK(error_of([&] { context.activation_forward(relu, rows, rows); }) == "");
  CHECK(error_of([&] { context.activation_forward(relu, columns, rows); }) == "x is stored by columns; expected rows");
  CHECK(error_of([&] { context.activation_forward(relu, rows, columns); }) == "y is stored by columns; expected rows");
  CHECK(error_of([&] { context.activation_forward(relu, gaps, rows); }) == "elements of x lie 2 apart; expected 1");
  const Map<float, true, true> row_with_gaps{y.data(), 1, 3, 1, 4};
  CHECK(error_of([&] {
          context.activation_forward(relu, row_with_gaps, {y.data(), 1, 3});
        }) == "elements of x lie 4 apart; expected 1");
  CHECK(error_of([&] {
          context.sgemm(gaps, Mdspan<float>{y.data(), {3, 1}, {1, 1}}, {y.data() + 12, 2, 1});
        }) == "elements of a lie 6 apart; expected 1");
  CHECK(error_of([&] {
          (void)context.pack_weights(Map<const float, false>{y.data(), 2, 3, 8, 2});
        }) == "elements of w lie 2 apart; expected 1");
  const Span<float> values{y.data(), 3};
  const UpdateRule rule;
  CHECK(error_of([&] {
          context.optimizer_step(rule, values, Mdspan<float, 1>{y.data() + 4, {3}, {3}});
        }) == "elements of g lie 3 apart; expected 1");
}

TEST_CASE("the lengths of vectors are compared with the sizes of matrices") {
  const Context context(1);
  const std::vector<float> x(6), w(6), bias(2), longer(3);
  std::vector<float> y(4);
  const PackedWeights packed = context.pack_weights({w.data(), 3, 2});
  const auto infer = [&](ConstVector b) { context.dense_infer({x.data(), 2, 3}, packed, b, {}, {y.data(), 2, 2}); };
  CHECK(error_of([&] { infer(bias); }) == "");
  CHECK(error_of([&] { infer({}); }) == "");
  CHECK(error_of([&] { infer(std::vector<float>()); }) == "");
  CHECK(error_of([&] { infer(longer); }) == "elements of bias and columns of y differ: 3 and 2");
  const int32_t labels[] = {0, 1, 0};
  CHECK(error_of([&] {
          (void)context.top_k_correct({y.data(), 2, 2}, labels);
        }) == "elements of labels and rows of x differ: 3 and 2");
  BatchNorm norm(2);
  norm.beta.resize(1);
  CHECK(error_of([&] {
          context.batch_norm_forward({x.data(), 2, 2}, norm, {y.data(), 2, 2});
        }) == "elements of beta and columns differ: 1 and 2");
  CHECK(error_of([&] { context.optimizer_step({}, y, x); }) == "elements of g and w differ: 6 and 4");
}

TEST_CASE("arrays of C are views") {
  const Context context(1);
  const float x[2][3] = {{1, 2, 3}, {4, 5, 6}}, w[3][2] = {{1, -1}, {0, 2}, {3, 1}}, bias[] = {-10, 1};
  float y[2][2];
  const float *const first = y[0];
  context.sgemm(x, w, y);
  CHECK(std::vector<float>(first, first + 4) == product);
  context.dense_infer(x, context.pack_weights(w), bias, {LF_RELU}, y);
  CHECK(std::vector<float>(first, first + 4) == std::vector<float>{0, 7, 12, 13});
}

#if __has_include(<span>) && __cplusplus > 201703L
static_assert(converts<std::span<float>, VectorView<float>> && converts<std::span<float, 3>, ConstVector>);
static_assert(!converts<std::span<const float>, VectorView<float>>);
static_assert(converts<const std::span<float>, VectorView<float>>);
#endif

#if defined(__cpp_lib_mdspan)
using ByColumns = std::mdspan<float, std::dextents<int, 2>, std::layout_left>;
static_assert(converts<ByColumns, Matrix> && converts<ByColumns, Operand> && !converts<ByColumns, VectorView<float>>);
static_assert(converts<std::mdspan<float, std::dextents<int, 1>>, VectorView<float>>);
#endif

#if __has_include(<Eigen/Core>)
TEST_CASE("Eigen's matrices are views") {
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  static_assert(converts<RowMajor &, Matrix> && converts<const RowMajor &, ConstMatrix>);
  static_assert(!converts<const RowMajor &, Matrix> && !converts<Eigen::MatrixXf &, Matrix>);
  static_assert(converts<Eigen::MatrixXf &, Operand> && !converts<Eigen::MatrixXd &, Operand>);
  static_assert(converts<Eigen::VectorXf &, VectorView<float>> && converts<Eigen::RowVectorXf &, VectorView<float>>);
  static_assert(converts<Eigen::ArrayXf &, VectorView<float>> && !converts<RowMajor &, VectorView<float>>);
  const Context context(1);
  const Eigen::MatrixXf a = Eigen::MatrixXf::Random(7, 5), b = Eigen::MatrixXf::Random(5, 6);
  const RowMajor a_by_rows = a;
  RowMajor c(7, 6);
  context.sgemm(a, b, c);
  CHECK((c - a * b).cwiseAbs().maxCoeff() < 1e-5f);
  const RowMajor first = c;
  context.sgemm(a_by_rows, b, c);
  CHECK(c == first);
  context.sgemm(transpose(a_by_rows.transpose()), b, c);
  CHECK(c == first);
  RowMajor part(3, 2);
  context.sgemm(a.block(1, 0, 3, 5), b.rightCols(2), Eigen::Map<RowMajor>(part.data(), 3, 2));
  CHECK(part == first.block(1, 4, 3, 2));
  Eigen::VectorXf w = Eigen::VectorXf::Ones(4), g = Eigen::VectorXf::Constant(4, 2);
  context.optimizer_step({LF_SGD, 0.25f}, w, g);
  CHECK(w == Eigen::VectorXf::Constant(4, 0.5f));
  const auto every_second = Eigen::Map<Eigen::VectorXf, 0, Eigen::InnerStride<2>>(g.data(), 2);
  CHECK(error_of([&] { context.optimizer_step({}, w.head(2), every_second); }) ==
        "elements of g lie 2 apart; expected 1");
  // Rows and columns of a matrix are operands, however the matrix is stored.
  const Eigen::MatrixXf products = a * b;
  for (int i = 0; i < 7; ++i) {
    Eigen::RowVectorXf row(6);
    context.sgemm(a.row(i), b, row);
    CHECK((row - products.row(i)).cwiseAbs().maxCoeff() < 1e-5f);
    context.sgemm(a.middleRows(i, 1), b, row);
    CHECK((row - products.row(i)).cwiseAbs().maxCoeff() < 1e-5f);
    context.sgemm(transpose(b), transpose(a_by_rows.row(i)), Eigen::Map<Eigen::VectorXf>(row.data(), 6));
    CHECK((row - products.row(i)).cwiseAbs().maxCoeff() < 1e-5f);
    RowMajor column(7, 1);
    context.sgemm(a, b.col(i % 6), column);
    CHECK((column - products.col(i % 6)).cwiseAbs().maxCoeff() < 1e-5f);
  }
  CHECK(error_of([&] { context.activation_forward({}, a.row(1), c.row(0).head(5)); }) ==
        "elements of x lie 7 apart; expected 1");
  static_assert(!converts<Eigen::VectorXf, VectorView<float>> && converts<Eigen::VectorXf, ConstVector>);
  static_assert(!converts<RowMajor, Matrix> && converts<RowMajor, ConstMatrix> && converts<RowMajor, Operand>);
  static_assert(converts<decltype(w.head(2)), VectorView<float>> && converts<Eigen::Map<RowMajor>, Matrix>);
  // A column of a row-major matrix has one element in each row.
  Eigen::VectorXf column(7);
  context.activation_forward({}, a_by_rows.col(1), column);
  CHECK(column == a.col(1));
}
#else
TEST_CASE("Eigen's matrices are views" * doctest::skip()) {}
#endif
